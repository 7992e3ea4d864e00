import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import t from "tap";

/**
 * Each floor, from the lowest, and the floors that its files may import besides its own. Floors of one height never import
 * each other, but for the proxy, which sends through the HTTP client.
 */
const FLOORS: Readonly<Record<string, readonly string[]>> = {
  core: [],
  config: ["core"],
  "cms/payload": ["core", "config"],
  cache: ["core", "config"],
  "http/client": ["core", "config"],
  "http/proxy": ["core", "config", "http/client"],
  observe: ["core", "config"],
  partners: ["core", "config"],
  server: ["core", "partners", "http/proxy"],
  app: [
    "core",
    "config",
    "cms/payload",
    "cache",
    "http/client",
    "http/proxy",
    "observe",
    "partners",
    "server",
  ],
};

/** The modules that the black box of `prove` may import besides its own. */
const OF_PROVE: ReadonlySet<string> = new Set(["core/json.ts", "cli/io.ts"]);

/** Which file alone may declare that the check behind a branded type was done. */
const MINTS: Readonly<Record<string, string>> = {
  CanonicalPath: "core/path.ts",
  Principal: "partners/stages/authenticate.ts",
  Version: "partners/stages/version.ts",
  Tenant: "partners/stages/resolve-tenant.ts",
  Permit: "partners/stages/authorise.ts",
};

const root = join(import.meta.dirname, "../../src");
const files = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"));
const sources = new Map(files.map((name) => [name, readFileSync(join(root, name), "utf8")]));

function importsOf(file: string): string[] {
  const found = (sources.get(file) ?? "").matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]+)"/g);
  return [...found].map(([, path = ""]) => relative(root, join(root, dirname(file), path)));
}

/** The floor that a file belongs to, `undefined` for the commands and the proof. */
function floorOf(file: string): string | undefined {
  return Object.keys(FLOORS).find((floor) => file.startsWith(`${floor}/`));
}

t.test("no floor imports a floor above it or beside it", async (t) => {
  for (const file of files) {
    const floor = floorOf(file);
    if (floor === undefined) continue;
    for (const target of importsOf(file)) {
      const other = floorOf(target);
      const isAllowed = other === floor || (other !== undefined && FLOORS[floor]?.includes(other) === true);
      t.ok(isAllowed, `${file} may not import ${target}`);
    }
  }
});

t.test("the proof imports nothing of the gateway's inside", async (t) => {
  for (const file of files.filter((name) => name.startsWith("prove/")))
    for (const target of importsOf(file))
      t.ok(target.startsWith("prove/") || OF_PROVE.has(target), `${file} may not import ${target}`);
});

t.test("every file belongs to a floor, to the commands or to the proof", async (t) => {
  const outside = files.filter((file) => floorOf(file) === undefined && !/^(?:cli|prove)\//.test(file));
  t.strictSame(outside, ["main.ts"]);
});

t.test("there is no import circle", async (t) => {
  const done = new Set<string>();
  const visit = (file: string, trail: readonly string[]): void => {
    if (trail.includes(file)) return void t.fail([...trail, file].join(" -> "));
    if (done.has(file)) return;
    for (const target of importsOf(file)) visit(target, [...trail, file]);
    done.add(file);
  };
  for (const file of files) visit(file, []);
  t.equal(done.size, files.length);
});

t.test("evidence is minted by the file that does the check, and nowhere else", async (t) => {
  const found: Record<string, string> = {};
  for (const [file, source] of sources) {
    for (const [, name = ""] of source.matchAll(/mint<(\w+)>\(/g)) {
      if (file === "core/brand.ts") continue;
      t.equal(file, MINTS[name], `${name} minted in ${file}`);
      found[name] = file;
    }
    const forged = /\bas (?:unknown as )?(?:CanonicalPath|Principal|Version|Tenant|Permit)\b/;
    t.notMatch(source, forged, `${file} casts to evidence`);
  }
  t.strictSame(found, MINTS);
});

t.test("time is asked of a clock, not of the machine", async (t) => {
  for (const [file, source] of sources) {
    if (/^(?:main|app\/clock)\.ts$|^(?:server|http\/proxy)\//.test(file)) continue;
    t.notMatch(source, /Date\.now|performance\.now|setTimeout|setInterval/, file);
  }
});

t.test("the CMS's names stay in its room", async (t) => {
  for (const [file, source] of sources) {
    // A proof and a description speak the contract from outside, where a list has docs and totalDocs.
    if (/^(?:cms|config|partners\/describe|prove|cli\/prove)\//.test(file)) continue;
    t.notMatch(source, /"users\/me|"docs"|"_strategy"|totalDocs|"equals"|API-Key [^"`]*\$\{Secret/, file);
  }
});

t.test("nothing but the entries reads the environment", async (t) => {
  for (const [file, source] of sources)
    if (!/^(?:cli\/)?main\.ts$/.test(file)) t.notMatch(source, /process\.env/, file);
});

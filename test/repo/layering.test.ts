import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import t from "tap";

/** Each floor and what it may import besides itself; floor-2 rooms never import each other. */
const FLOORS: Readonly<Record<string, readonly string[]>> = {
  core: [],
  config: ["core"],
  cms: ["core", "config"],
  cache: ["core", "config"],
  upstream: ["core", "config"],
  native: ["core", "config"],
  observe: ["core", "config"],
  describe: ["core", "config"],
  stages: ["core"],
  gateway: ["core", "stages"],
  server: ["core", "gateway", "native"],
};

/** Which file alone may declare that the check behind a branded type was done. */
const MINTS: Readonly<Record<string, string>> = {
  CanonicalPath: "core/path.ts",
  Principal: "stages/authenticate.ts",
  Version: "stages/version.ts",
  Tenant: "stages/resolve-tenant.ts",
  Permit: "stages/authorise.ts",
};

const root = join(import.meta.dirname, "../../src");
const files = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"));
const sources = new Map(files.map((name) => [name, readFileSync(join(root, name), "utf8")]));

function importsOf(file: string): string[] {
  const found = (sources.get(file) ?? "").matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]+)"/g);
  return [...found].map(([, path = ""]) => relative(root, join(root, dirname(file), path)));
}

t.test("no floor imports from one above it, or from a room beside it", async (t) => {
  for (const file of files) {
    const [room = ""] = file.split("/");
    const allowed = FLOORS[room];
    if (allowed === undefined) continue;
    for (const target of importsOf(file)) {
      const [other = ""] = target.split("/");
      t.ok(other === room || allowed.includes(other), `${file} may not import ${target}`);
    }
  }
});

t.test("files outside the floors are those of the composition root", async (t) => {
  const outside = files.filter((file) => FLOORS[file.split("/")[0] ?? ""] === undefined);
  t.strictSame(outside.filter((file) => !/^(?:cli|compose)\//.test(file)).toSorted(), [
    "clock.ts",
    "compose.ts",
    "main.ts",
  ]);
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
    if (/^(?:main|clock)\.ts$|^(?:server|native)\//.test(file)) continue;
    t.notMatch(source, /Date\.now|performance\.now|setTimeout|setInterval/, file);
  }
});

t.test("the CMS's names stay in its room", async (t) => {
  for (const [file, source] of sources) {
    // A proof and a description speak the contract from outside, where a list has docs and totalDocs.
    if (/^(?:cms|config|describe|cli\/prove)\//.test(file)) continue;
    t.notMatch(source, /"users\/me|"docs"|"_strategy"|totalDocs|"equals"|API-Key [^"`]*\$\{Secret/, file);
  }
});

t.test("nothing but the entries reads the environment", async (t) => {
  for (const [file, source] of sources)
    if (!/^(?:cli\/)?main\.ts$/.test(file)) t.notMatch(source, /process\.env/, file);
});

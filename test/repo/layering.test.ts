import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import t from "tap";

/**
 * Each layer, from the lowest, and the other layers that its files may import. Layers of one level never
 * import each other, except that the proxy sends through the HTTP client.
 */
const LAYERS: Readonly<Record<string, readonly string[]>> = {
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

/** The only file that may declare the check behind a branded type as done. */
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

/** The layer of a file, or `undefined` for the commands and the proof. */
function layerOf(file: string): string | undefined {
  return Object.keys(LAYERS).find((layer) => file.startsWith(`${layer}/`));
}

t.test("no layer imports a layer above it or beside it", async (t) => {
  for (const file of files) {
    const layer = layerOf(file);
    if (layer === undefined) continue;
    for (const target of importsOf(file)) {
      const other = layerOf(target);
      const isAllowed = other === layer || (other !== undefined && LAYERS[layer]?.includes(other) === true);
      t.ok(isAllowed, `${file} may not import ${target}`);
    }
  }
});

t.test("the proof imports no internals of the gateway", async (t) => {
  for (const file of files.filter((name) => name.startsWith("prove/")))
    for (const target of importsOf(file))
      t.ok(target.startsWith("prove/") || OF_PROVE.has(target), `${file} may not import ${target}`);
});

t.test("every file belongs to a layer, to the commands or to the proof", async (t) => {
  const outside = files.filter((file) => layerOf(file) === undefined && !/^(?:cli|prove)\//.test(file));
  t.strictSame(outside, ["main.ts"]);
});

t.test("there is no import cycle", async (t) => {
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

t.test("only the file that does the check mints its evidence", async (t) => {
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

t.test("only the clock reads the machine's time", async (t) => {
  for (const [file, source] of sources) {
    if (/^(?:main|app\/clock)\.ts$|^(?:server|http\/proxy)\//.test(file)) continue;
    t.notMatch(source, /Date\.now|performance\.now|setTimeout|setInterval/, file);
  }
});

t.test("only the CMS adapter and its clients use the CMS's names", async (t) => {
  for (const [file, source] of sources) {
    // The proof and the description speak the public contract, in which a list has docs and totalDocs.
    if (/^(?:cms|config|partners\/describe|prove|cli\/prove)\//.test(file)) continue;
    t.notMatch(source, /"users\/me|"docs"|"_strategy"|totalDocs|"equals"|API-Key [^"`]*\$\{Secret/, file);
  }
});

t.test("only the entry points read the environment", async (t) => {
  for (const [file, source] of sources)
    if (!/^(?:cli\/)?main\.ts$/.test(file)) t.notMatch(source, /process\.env/, file);
});

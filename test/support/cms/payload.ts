import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { fileURLToPath, pathToFileURL } from "node:url";

/**
 * Payload as npm installed it, in a few files: its two thousand modules take a core more than two seconds to find and to
 * read, and each of a hundred test files does that. The first test process after an install makes the files.
 */

const ENTRIES = ["payload-parts.ts", "rich-text-parts.ts"].map((name) =>
  fileURLToPath(new URL(name, import.meta.url)),
);
const LOCK = new URL("../../../package-lock.json", import.meta.url);
/** Where Node finds what is not bundled: packages with a part that is no JavaScript, or that nobody loads here. */
const FOLDER = fileURLToPath(new URL("../../../node_modules/.cache/partners-gateway/", import.meta.url));
const EXTERNAL = ["@libsql/*", "libsql", "sharp", "pg-native", "drizzle-kit", "esbuild"];

/** CommonJS modules in the bundle expect to be told where they are. */
const BANNER = `const require = process.getBuiltinModule("module").createRequire(import.meta.url);
const __filename = import.meta.filename, __dirname = import.meta.dirname;`;

/** Makes the files, unless they are there, and tells their directory. */
async function bundled(): Promise<string> {
  const hash = createHash("sha256");
  for (const file of [LOCK, ...ENTRIES, import.meta.filename]) hash.update(readFileSync(file));
  const folder = `${FOLDER}payload-${hash.digest("hex").slice(0, 16)}`;
  if (existsSync(folder)) return folder;
  await mkdir(FOLDER, { recursive: true });
  const { build } = await import("esbuild");
  const outdir = `${folder}.${process.pid}`;
  await build({
    entryPoints: ENTRIES,
    outdir,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    splitting: true,
    platform: "node",
    format: "esm",
    target: "node24",
    external: EXTERNAL,
    banner: { js: BANNER },
    minifyWhitespace: true,
    legalComments: "none",
    logLevel: "error",
  });
  // Two test processes may bundle at once: the first to get here wins, and both results are the same.
  await rename(outdir, folder).catch(() => rm(outdir, { recursive: true, force: true }));
  return folder;
}

const folder = await bundled();
const part = (name: string): string => pathToFileURL(`${folder}/${name}.mjs`).href;
const parts: typeof import("./payload-parts.ts") = await import(part("payload-parts"));

/** The rich text editor of Payload. It is loaded apart, since it takes as long as Payload and one project needs it. */
export async function loadRichText(): Promise<typeof import("./rich-text-parts.ts")> {
  return import(part("rich-text-parts"));
}

export const {
  APIError,
  buildConfig,
  configToSchema,
  createPayloadRequest,
  execute,
  Forbidden,
  getPayload,
  GraphQLError,
  handleEndpoints,
  headersWithCors,
  Locked,
  multiTenantPlugin,
  NotFound,
  parse,
  postgresAdapter,
  specifiedRules,
  sqliteAdapter,
  validate,
  ValidationError,
} = parts;

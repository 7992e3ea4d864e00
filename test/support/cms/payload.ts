import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { fileURLToPath, pathToFileURL } from "node:url";

/**
 * Bundles Payload as installed by npm into a few files. Its two thousand modules take more than two seconds
 * of CPU time to resolve and parse, in each of a hundred test files. The first test process after an install
 * writes the bundle.
 */

const ENTRIES = ["payload-parts.ts", "rich-text-parts.ts"].map((name) =>
  fileURLToPath(new URL(name, import.meta.url)),
);
const LOCK = new URL("../../../package-lock.json", import.meta.url);
/**
 * The folder from which Node resolves packages outside the bundle: those with native parts, and those that no
 * test loads.
 */
const FOLDER = fileURLToPath(new URL("../../../node_modules/.cache/partners-gateway/", import.meta.url));
const EXTERNAL = ["@libsql/*", "libsql", "sharp", "pg-native", "drizzle-kit", "esbuild"];

/** CommonJS modules in the bundle need their own location. */
const BANNER = `const require = process.getBuiltinModule("module").createRequire(import.meta.url);
const __filename = import.meta.filename, __dirname = import.meta.dirname;`;

/** Writes the bundle unless it exists, and resolves with its directory. */
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
  // Two test processes may bundle at once. The first rename wins, and both results are equal.
  await rename(outdir, folder).catch(() => rm(outdir, { recursive: true, force: true }));
  return folder;
}

const folder = await bundled();
const part = (name: string): string => pathToFileURL(`${folder}/${name}.mjs`).href;
const parts: typeof import("./payload-parts.ts") = await import(part("payload-parts"));

/**
 * Payload's rich text editor. It is a bundle of its own, since it takes as long to load as Payload and only
 * one project needs it.
 */
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

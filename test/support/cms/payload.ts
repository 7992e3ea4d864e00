import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, rename } from "node:fs/promises";
import { fileURLToPath, pathToFileURL } from "node:url";

/**
 * Payload as npm installed it, in one file: its two thousand modules take a core more than two seconds to find and to
 * read, and each of a hundred test files does that. The first test process after an install makes the file.
 */

const PARTS = fileURLToPath(new URL("payload-parts.ts", import.meta.url));
const LOCK = new URL("../../../package-lock.json", import.meta.url);
/** Where Node finds what is not bundled: packages with a part that is no JavaScript, or that nobody loads here. */
const FOLDER = fileURLToPath(new URL("../../../node_modules/.cache/partners-gateway/", import.meta.url));
const EXTERNAL = ["@libsql/*", "libsql", "sharp", "pg-native", "drizzle-kit", "esbuild"];

/** CommonJS modules in the bundle expect to be told where they are. */
const BANNER = `const require = process.getBuiltinModule("module").createRequire(import.meta.url);
const __filename = import.meta.filename, __dirname = import.meta.dirname;`;

async function bundled(): Promise<string> {
  const hash = createHash("sha256");
  for (const file of [LOCK, PARTS, import.meta.filename]) hash.update(readFileSync(file));
  const bundle = `${FOLDER}payload-${hash.digest("hex").slice(0, 16)}.mjs`;
  if (existsSync(bundle)) return bundle;
  await mkdir(FOLDER, { recursive: true });
  const { build } = await import("esbuild");
  // Two test processes may bundle at once: the last to get here wins, and both results are the same.
  const outfile = `${bundle}.${process.pid}`;
  await build({
    entryPoints: [PARTS],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node24",
    external: EXTERNAL,
    banner: { js: BANNER },
    minifyWhitespace: true,
    legalComments: "none",
    logLevel: "error",
  });
  await rename(outfile, bundle);
  return bundle;
}

const parts: typeof import("./payload-parts.ts") = await import(pathToFileURL(await bundled()).href);

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

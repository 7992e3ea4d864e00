import { cpSync } from "node:fs";
import { join } from "node:path";

/** The status page runs in the browser unchanged: the build copies it beside the compiled files. */
const root = join(import.meta.dirname, "..");
cpSync(join(root, "src/server/page"), join(root, "dist/server/page"), {
  recursive: true,
  filter: (path) => !path.endsWith("tsconfig.json"),
});

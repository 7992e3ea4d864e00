import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isObject } from "../core/json.ts";
import type { Build } from "../core/status.ts";

/** What runs, by the package's own word. */
export function readBuild(): Build {
  // Two floors up both from src/app and from dist/compose.
  const about: unknown = JSON.parse(readFileSync(join(import.meta.dirname, "../../package.json"), "utf8"));
  const version = isObject(about) && typeof about["version"] === "string" ? about["version"] : "unknown";
  return { version, node: process.version };
}

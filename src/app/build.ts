import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isObject } from "../core/json.ts";
import type { Build } from "../core/status.ts";

/** Reads the version of the package, and names the Node that runs it. */
export function readBuild(): Build {
  // The package is two directories up, from src/app and from dist/app alike.
  const about: unknown = JSON.parse(readFileSync(join(import.meta.dirname, "../../package.json"), "utf8"));
  const version = isObject(about) && typeof about["version"] === "string" ? about["version"] : "unknown";
  return { version, node: process.version };
}

import { join } from "node:path";
import { isObject } from "../core/json.ts";
import { EXIT, type Command } from "./command.ts";

/** `partners-gateway version`. */
export const version: Command = {
  synopsis: "",
  about: "Prints the version of the gateway and of Node.js.",
  flags: {},
  examples: ["partners-gateway version"],
  run: (_, io) => {
    // Two floors up both from src/cli and from dist/cli.
    const text = io.readFile(join(import.meta.dirname, "../../package.json"));
    const about: unknown = JSON.parse(text);
    const number = isObject(about) && typeof about["version"] === "string" ? about["version"] : "unknown";
    io.out(`partners-gateway ${number} (Node.js ${process.version})`);
    return Promise.resolve(EXIT.ok);
  },
};

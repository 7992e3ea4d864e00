import { readBuild } from "../app/build.ts";
import { EXIT, type Command } from "./command.ts";

/** `partners-gateway version`. */
export const version: Command = {
  synopsis: "",
  about: "Prints the version of the gateway and of Node.js.",
  flags: {},
  examples: ["partners-gateway version"],
  run: (_, io) => {
    const { version: number, node } = readBuild();
    io.out(`partners-gateway ${number} (Node.js ${node})`);
    return Promise.resolve(EXIT.ok);
  },
};

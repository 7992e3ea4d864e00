import { wallTime } from "../app/clock.ts";
import { describeApi } from "../partners/describe/document.ts";
import { EXIT, type Command } from "./command.ts";
import { CONFIG_FLAG, configOf } from "./config.ts";

/** `partners-gateway openapi`. */
export const openapi: Command = {
  synopsis: "",
  about:
    "Prints the OpenAPI 3.1 description of the API that this configuration exposes now, the same as\n" +
    "GET /partners/openapi.json.",
  flags: CONFIG_FLAG,
  examples: ["partners-gateway openapi --config gateway.yaml > partners.json"],
  run(given, io) {
    io.out(JSON.stringify(describeApi(configOf(given, io), wallTime()), undefined, 2));
    return Promise.resolve(EXIT.ok);
  },
};

import { EXIT, UsageError, type Command, type ParsedArguments } from "../command.ts";
import { CONFIG_FLAG, configOf, keyOf } from "../config.ts";
import type { Io } from "../io.ts";
import { explainRequest, type Explanation, type Question } from "./explain.ts";
import { print } from "./print.ts";

/** `partners-gateway explain`. */
export const explain: Command = {
  synopsis: "<method> <path>",
  about:
    "Runs one request through the gateway's own stages, against the configured CMS, and shows what each of them\n" +
    "decides, what it asks the CMS for, and the exact request that would go to the CMS. Nothing is sent to a record\n" +
    "unless --send. Exits 0 where the request gets through, 1 where it is refused.",
  flags: {
    ...CONFIG_FLAG,
    "key-env": { type: "string", value: "name", help: "environment variable that holds the partner's key" },
    header: {
      type: "string",
      value: "name: value",
      multiple: true,
      help: "a request header; may be given again",
    },
    body: { type: "string", value: "file", help: "the request's body" },
    send: { type: "boolean", help: "send it, and show the answer's shape; a write is then a write" },
    json: { type: "boolean", help: "print one JSON document" },
  },
  examples: [
    "KEY=… partners-gateway explain GET '/partners/2026-02/acme/events?limit=5' --key-env KEY",
    "KEY=… partners-gateway explain PATCH /partners/2026-02/acme/events/7 --key-env KEY --body change.json",
    "KEY=… partners-gateway explain GET /partners/2026-02/x/events --key-env KEY --header 'x-basker-tenant-slug: acme' --json",
  ],
  takesWords: true,
  async run(given, io) {
    const explanation = await explained(given, io);
    if (given.has("json")) io.out(JSON.stringify(explanation));
    else print(explanation, io);
    return explanation.verdict === "refused" ? EXIT.failed : EXIT.ok;
  },
};

function explained(given: ParsedArguments, io: Io): Promise<Explanation> {
  const question = questionOf(given, io);
  const config = configOf(given, io);
  const key = keyOf(given, io);
  const headers =
    key === undefined
      ? question.headers
      : [...question.headers, "authorization", `${config.cms.users} API-Key ${key}`];
  return explainRequest(config, { ...question, headers }, io.clock);
}

function questionOf(given: ParsedArguments, io: Io): Question {
  const [method, target, ...more] = given.positionals;
  if (method === undefined || target === undefined || more.length > 0)
    throw new UsageError(
      "say what to explain: a method and a path, such as GET /partners/2026-02/acme/events",
    );
  const headers = given.texts("header").flatMap((line) => {
    const colon = line.indexOf(":");
    if (colon < 1) throw new UsageError(`--header ${line}: expected name: value`);
    return [line.slice(0, colon).trim(), line.slice(colon + 1).trim()];
  });
  const file = given.text("body");
  const body = Buffer.from(file === undefined ? "" : io.readFile(file));
  return { method: method.toUpperCase(), target, headers, body, sends: given.has("send") };
}

import type { Explanation } from "../../observe/explain/explanation.ts";
import { EXIT, UsageError, type Command, type Given } from "../command.ts";
import { CONFIG_FLAG, configOf, keyOf } from "../config.ts";
import { ADMIN_FLAG } from "../admin.ts";
import type { Io } from "../io.ts";
import { explainRequest, type Question } from "./explain.ts";
import { explainPast } from "./past.ts";
import { print } from "./print.ts";

/** `partners-gateway explain`. */
export const explain: Command = {
  synopsis: "(<method> <path> | --request <id>)",
  about:
    "Runs one request through the gateway's own stages, against the configured CMS, and shows what each of them\n" +
    "decides, what it asks the CMS for, and the exact request that would go to the CMS. Nothing is sent to a record\n" +
    "unless --send. With --request it shows instead what became of a past one, by the requestId of its answer: a running\n" +
    "gateway that keeps some (trace.keep) is asked, with ADMIN_TOKEN where it wants one. Exits 0 where the request gets\n" +
    "through, 1 where it is refused.",
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
    request: {
      type: "string",
      value: "id",
      help: "a past request of a running gateway, in place of a method and a path",
    },
    ...ADMIN_FLAG,
    json: { type: "boolean", help: "print one JSON document" },
  },
  examples: [
    "KEY=… partners-gateway explain GET '/partners/2026-02/acme/events?limit=5' --key-env KEY",
    "KEY=… partners-gateway explain PATCH /partners/2026-02/acme/events/7 --key-env KEY --body change.json",
    "KEY=… partners-gateway explain GET /partners/2026-02/x/events --key-env KEY --header 'x-basker-tenant-slug: acme' --json",
    "ADMIN_TOKEN=… partners-gateway explain --request 8d0c3a52-… --admin-url http://gateway-1:9090",
  ],
  takesWords: true,
  async run(given, io) {
    const explanation =
      given.text("request") === undefined ? await explainNow(given, io) : await explainPast(given, io);
    if (explanation === undefined) return EXIT.failed;
    if (given.has("json")) io.out(JSON.stringify(explanation));
    else print(explanation, io);
    return explanation.verdict === "refused" ? EXIT.failed : EXIT.ok;
  },
};

function explainNow(given: Given, io: Io): Promise<Explanation> {
  const question = questionOf(given, io);
  const config = configOf(given, io);
  const key = keyOf(given, io);
  const headers =
    key === undefined
      ? question.headers
      : [...question.headers, "authorization", `${config.cms.users} API-Key ${key}`];
  return explainRequest(config, { ...question, headers }, io.clock);
}

function questionOf(given: Given, io: Io): Question {
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

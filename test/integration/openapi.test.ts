import { createConfig, lintFromString } from "@redocly/openapi-core";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import tap from "tap";
import { parse } from "yaml";
import * as z from "zod";
import { isObject } from "../../src/core/json.ts";
import { processIo } from "../../src/cli/io.ts";
import { runCommand } from "../../src/cli/run.ts";
import { startCms } from "../support/cms/server.ts";
import { startTestGateway } from "../support/gateway.ts";
import {
  A,
  ROW,
  askerOf,
  openHouse,
  refused,
  unsupported,
  type Answer,
  type Json,
} from "./support-contract.ts";

const WHERE = "/partners/openapi.json";
const file = (path: string) => readFileSync(join(import.meta.dirname, "../..", path), "utf8");
const demo: Record<string, unknown> = parse(file("test/support/demo/config.yaml"));
const ENDING = {
  "2025-07": { deprecation: "2026-02-01", sunset: "2026-08-01", link: "https://docs.test/move" },
};

const cms = await startCms();
tap.teardown(() => cms.close());

/** The member of the document at these names, with references resolved. */
function at(document: unknown, ...names: readonly string[]): Json {
  let value = document;
  for (const name of names) value = isObject(value) ? value[name] : undefined;
  if (!isObject(value)) throw new Error(`no ${names.join(" > ")}`);
  const { $ref } = value;
  return typeof $ref === "string" ? at(document, ...$ref.split("/").slice(1)) : value;
}

/** Every operation of `document`, by method and path. */
function operationsOf(document: Json): { readonly name: string; readonly operation: Json }[] {
  return Object.entries(at(document, "paths")).flatMap(([path, item]) =>
    Object.entries(at(item)).flatMap(([method, operation]) =>
      isObject(operation) ? [{ name: `${method} ${path}`, operation }] : [],
    ),
  );
}

/** The description of a response, whether it is inline or a reference. */
function descriptionOf(document: Json, response: unknown): string {
  return String(at({ ...document, response }, "response")["description"]);
}

await tap.test(
  "the description requires a key, like every route, unless partners.publicDescription is set",
  async (t) => {
    const { ask } = await openHouse(t, cms.url);
    refused(t, await ask(`GET ${WHERE}`, { key: null }), ROW.unauthorized);
    refused(t, await ask(`GET ${WHERE}`, { key: "unknown" }), ROW.unauthorized);
    const answer = await ask(`GET ${WHERE}`);
    t.match(answer, { status: 200, json: { openapi: "3.1.0" } });
    t.equal(answer.headers["cache-control"], "private, no-store");
    const head = await ask(`HEAD ${WHERE}`);
    t.same([head.status, head.text], [200, ""]);
    refused(t, await ask(`POST ${WHERE}`, { body: {} }), unsupported("openapi.json"), "no other method");
    refused(t, await ask(`GET ${WHERE}/x`), unsupported("openapi.json"), "no path below it");
    refused(t, await ask("GET /partners/openapi.yaml"), unsupported("openapi.yaml"));

    const open = await openHouse(t, cms.url, { partners: { publicDescription: true } });
    const read = await open.ask(`GET ${WHERE}`, { key: null });
    t.match(read, { status: 200, json: { openapi: "3.1.0" } });
    refused(t, await open.ask(`GET ${A}/posts`, { key: null }), ROW.unauthorized, "no other route is public");
    const own = at(read.json, "paths", WHERE, "get");
    t.same(own["security"], []);
    t.notOk("401" in at(own, "responses"), "the description does not list a 401 of its own");
  },
);

await tap.test("an independent validator finds no problem in the description", async (t) => {
  const rules = await createConfig({ extends: ["recommended-strict"], rules: { "info-license": "off" } });
  const ended = { partners: { versionSettings: ENDING } };
  const later = { "2025-07": { ...ENDING["2025-07"], sunset: "2999-01-01" } };
  const ending = { partners: { versionSettings: later, publicDescription: true } };
  for (const settings of [{}, demo, ended, ending, { rate: { enabled: true } }]) {
    const { ask } = await openHouse(t, cms.url, settings);
    const { text } = await ask(`GET ${WHERE}`);
    const problems = await lintFromString({ source: text, absoluteRef: "openapi.json", config: rules });
    t.same(
      problems.map(({ ruleId, message }) => `${ruleId}: ${message}`),
      [],
    );
  }
});

await tap.test("the description lists each code of docs/errors.md where it can be answered", async (t) => {
  const { ask } = await openHouse(t, cms.url);
  const { json: document } = await ask(`GET ${WHERE}`);
  const rows = [...file("docs/errors.md").matchAll(/^\| `([\w.-]+)` \| (\d{3}) \| ([^|]+) \|/gm)];
  const listed = Object.entries(at(document, "x-errors")).map(([code, entry]) => {
    const { status, error } = at(entry);
    return `${code} ${String(status)} ${String(error)}`;
  });
  t.same(listed.toSorted(), rows.map(([, code, status, error]) => `${code} ${status} ${error}`).toSorted());
  for (const [code, entry] of Object.entries(at(document, "x-errors"))) {
    const { operations, status } = at(entry);
    if (!Array.isArray(operations)) throw new Error(code);
    for (const { name, operation } of operationsOf(document)) {
      const kind = String(operation["operationId"]).split("-")[1];
      const { [String(status)]: response } = at(operation, "responses");
      const isTold = response !== undefined && descriptionOf(document, response).includes(`\`${code}\``);
      const is = operations.some((one) => one === kind || (one === "describe" && kind === "description"));
      if (isTold !== is) t.fail(`${name} and ${code}: described ${isTold}, possible ${is}`);
    }
  }
});

await tap.test("rate limit headers and the 429 are described only if rate limits are enabled", async (t) => {
  for (const enabled of [true, false]) {
    const { ask } = await openHouse(t, cms.url, { rate: { enabled } });
    const { json: document } = await ask(`GET ${WHERE}`);
    const responses = at(document, "paths", "/partners/2026-02/{tenant}/posts", "get", "responses");
    const answers = {
      "200": await ask(`GET ${A}/posts`),
      "401": await ask(`GET ${A}/posts`, { key: null }),
    };
    for (const [status, answer] of Object.entries(answers)) {
      const told = Object.keys(at(at({ ...document, response: responses[status] }, "response"), "headers"));
      for (const name of ["RateLimit", "RateLimit-Policy"]) {
        t.equal(told.includes(name), name.toLowerCase() in answer.headers, `${status} ${name}`);
        t.equal(told.includes(name), enabled && status === "200");
      }
    }
    t.equal(descriptionOf(document, responses["429"]).includes("key.limited"), enabled);
  }
});

await tap.test("a version with a sunset is marked deprecated, and is removed at its sunset", async (t) => {
  let now = Date.parse("2026-01-31T23:59:59.999Z");
  const gateway = await startTestGateway(
    cms.url,
    { partners: { versionSettings: ENDING } },
    { wallTime: () => now },
  );
  t.teardown(() => gateway.stop());
  const ask = askerOf(gateway.port);
  const marks = async () => {
    const { json } = await ask(`GET ${WHERE}`);
    const marked = operationsOf(json).map(({ name, operation }) => {
      const [version = ""] = /\d{4}-\d{2}/.exec(name) ?? [];
      return `${version}${operation["deprecated"] === true ? " deprecated" : ""}`;
    });
    return [...new Set(marked)];
  };
  t.same(await marks(), ["2025-07", "2026-02", ""]);
  now += 1;
  t.same(await marks(), ["2025-07 deprecated", "2026-02", ""]);
  const { json } = await ask(`GET ${WHERE}`);
  const headers = ["paths", "/partners/2025-07/{tenant}/posts", "get", "responses", "200", "headers"];
  const answer = await ask("GET /partners/2025-07/tenant-a/posts");
  for (const name of ["deprecation", "sunset", "link"])
    t.equal(at(at(json, ...headers, name), "schema")["const"], answer.headers[name], name);
  now = Date.parse("2026-08-01");
  t.same(await marks(), ["2026-02", ""]);
});

await tap.test("`partners-gateway openapi` prints the description that is served", async (t) => {
  // The printed description has the default deadline of 30 s; the demo sets none. A test gateway has 1 h.
  const partners = Object.assign({ deadline: "30s" }, demo["partners"]);
  const { ask } = await openHouse(t, cms.url, { ...demo, partners });
  const printed: string[] = [];
  const code = await runCommand(["openapi", "--config", "demo"], {
    ...processIo(process),
    out: (text) => void printed.push(text),
    err: (text) => t.fail(text),
    fail: (error) => t.fail(String(error)),
    env: { UPSTREAM_URL: cms.url, CMS_SERVICE_KEY: "a-secret-of-the-gateway" },
    readFile: () => file("test/support/demo/config.yaml"),
  });
  t.equal(code, 0);
  t.same(JSON.parse(printed.join("\n")), (await ask(`GET ${WHERE}`)).json);
  t.notMatch(printed.join("\n"), /a-secret-of-the-gateway|127\.0\.0\.1/, "no secret and no internal address");
});

await tap.test("every example runs against the demo, and every answer matches its schema", async (t) => {
  const { ask } = await openHouse(t, cms.url, demo);
  const { json: document } = await ask(`GET ${WHERE}`);
  const matches = (name: string, answer: Answer) => {
    const schemas: unknown = JSON.parse(
      JSON.stringify(at(document, "components", "schemas")).replaceAll("#/components/schemas/", "#/$defs/"),
    );
    const schema = z.fromJSONSchema(z.looseObject({}).parse({ $ref: `#/$defs/${name}`, $defs: schemas }));
    const { error } = schema.safeParse(answer.json);
    t.equal(error?.message, undefined, `${answer.text.slice(0, 60)} is a ${name}`);
  };
  let executed = 0;
  for (const [component, parameter] of Object.entries(at(document, "components", "parameters"))) {
    const { in: place, name, example } = at(parameter);
    if (example === undefined) continue;
    t.equal(place, "query", `${component}: the test can execute this example`);
    const pairs = isObject(example)
      ? Object.entries(example).map(([key, value]) => `${String(name)}[${key}]=${String(value)}`)
      : [
          `${String(name)}=${encodeURIComponent(typeof example === "string" ? example : JSON.stringify(example))}`,
        ];
    const answer = await ask(`GET ${A}/events?${pairs.join("&")}`);
    t.equal(answer.status, 200, `${String(name)}: ${JSON.stringify(example)}`);
    t.notSame(answer.json["docs"], [], "the list is not empty");
    matches("List", answer);
    executed += 1;
  }
  t.equal(executed, JSON.stringify(document).split('"example":').length - 1, "there is no other example");
  t.notMatch(JSON.stringify(document), /"examples":/);

  matches("Document", await ask(`GET ${A}/events/1`));
  matches("List", await ask(`GET ${A}/events?where[venue.title][exists]=true`));
  matches("Error.key.rejected", await ask(`GET ${A}/events/1`, { key: null }));
  matches("Error.document.unknown", await ask(`GET ${A}/events/999`));
  matches("Error.version.unsupported", await ask("GET /partners/2024-01/tenant-a/events"));
  matches("Error.document.invalid", await ask(`POST ${A}/events`, { body: { title: "x" } }));
  matches("Error.body.malformed", await ask(`POST ${A}/events`, { body: "{" }));
});

await tap.test("a restriction of one collection is described at that collection only", async (t) => {
  const { ask } = await openHouse(t, cms.url, {
    cms: { uploads: ["media"] },
    partners: { collections: ["media", "pages"], publicDescription: true },
  });
  const { json } = await ask(`GET ${WHERE}`);
  const remarkOn = (collection: string) =>
    at(json, "paths", `/partners/2026-02/{tenant}/${collection}`, "post")["description"];
  t.match(remarkOn("media"), /carries no file/);
  t.equal(remarkOn("pages"), undefined);
});

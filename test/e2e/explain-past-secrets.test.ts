import t from "tap";
import { USERS } from "../support/cms/keys.ts";
import { startCms } from "../support/cms/server.ts";
import { answerOf, startFaultyLine, says } from "../support/faults.ts";
import { found } from "../support/planted.ts";
import { startProgram } from "../support/program.ts";
import { runCli } from "../support/prove.ts";
import { rawExchange, rawRequest } from "../support/raw.ts";

/** What `explain --request` must not tell: a partner's words are planted wherever one can put them, then looked for. */

const env = { ADMIN_TOKEN: "an-admin-token-of-the-tests" };
const cms = await startCms({ record: false });
const line = await startFaultyLine(() => cms.port);
const settings = { trace: { keep: 1_000 }, partners: { collections: ["posts", "events"] } };
const gateway = await startProgram(line.url, { settings, env });
t.teardown(async () => {
  await gateway.stop();
  await line.close();
  await cms.close();
});
const A = "/partners/2026-02/tenant-a";

/** Sends a request and resolves with its id. */
async function sent(path: string, init: RequestInit): Promise<string> {
  const response = await fetch(gateway.url + path, init);
  await response.arrayBuffer();
  return response.headers.get("x-request-id") ?? "";
}

/** What the command prints of it, for programs and for people. */
async function told(id: string): Promise<string> {
  const words = ["explain", "--request", id, "--admin-url", gateway.adminUrl];
  const [json, text] = [await runCli([...words, "--json"], env), await runCli(words, env)];
  return `${json.out}\n${text.out}${json.err}`;
}

const words = {
  key: cms.keys.partnerA,
  othersKey: cms.keys.partnerB,
  strangersKey: "PLANTED-key-of-nobody",
  cookie: "PLANTED-cookie-value",
  bearer: "PLANTED-bearer-token",
  header: "PLANTED-header",
  email: "planted@partner.test",
  text: "PLANTED-text",
  name: "PLANTED-name",
  condition: "PLANTED-condition",
  password: "PLANTED-password",
  ownEmail: USERS.partnerA.email,
  seeded: "A event",
};

t.test("nothing of it is a key, a cookie, an address, a document or a partner's word", async (t) => {
  const document = {
    title: words.text,
    text: `${words.text} ${words.email}`,
    password: words.password,
    [words.name]: words.text,
    [words.email]: { [words.key]: [words.text] },
  };
  const queries = [
    `where[title][equals]=${words.condition}`,
    `where[title][in]=${words.email},${words.condition}`,
    `where[email][equals]=${encodeURIComponent(words.email)}&sort=${words.name}&locale=${words.key}`,
    `where=${encodeURIComponent(JSON.stringify({ and: [{ title: { equals: words.condition } }, { [words.email]: { equals: words.email } }] }))}`,
    `where=${encodeURIComponent(`{"or":["${words.condition}"`)}`,
    `where[${words.email}][equals]=1&where[${words.key}][in][]=${words.email}`,
    `${words.name}=${words.text}&token=${words.bearer}&apiKey=${words.key}&limit=${words.key}&select[${words.key}]=true`,
    `limit=${words.email}&depth=${words.condition}&draft=${words.text}&populate[${words.name}][${words.text}]=true`,
    `where[title][equals]=${encodeURIComponent(encodeURIComponent(words.email))}`,
  ];
  const credentials = [
    `users API-Key ${words.key}`,
    `users API-Key ${words.strangersKey}`,
    `Bearer ${words.bearer}`,
  ];
  // Names that the CMS gives may hold an address as well.
  await cms.payload.update({ collection: "tenants", id: 1, data: { installedApps: [words.email] } });
  const ids: string[] = [];
  for (const authorization of credentials) {
    const headers = {
      authorization,
      cookie: `payload-token=${words.cookie}; other=${words.bearer}`,
      "x-secret": words.header,
      "x-request-id": words.header,
      "x-basker-tenant-slug": "tenant-a",
    };
    const send = async (path: string, init: RequestInit = {}) =>
      void ids.push(await sent(path, { headers, ...init }));
    for (const query of queries) {
      await send(`${A}/events?${query}`);
      await send(`${A}/events/1?${query}`);
      await send(`${A}/posts?${query}`, { method: "POST", body: JSON.stringify(document) });
      if (!authorization.startsWith("Bearer")) await send(`/api/events?${query}`);
    }
    await send(`${A}/posts/1`, { method: "PATCH", body: JSON.stringify(document) });
    await send(`${A}/events`, {
      method: "POST",
      body: JSON.stringify({ ...document, startDate: words.email }),
    });
    await send(`${A}/posts`, { method: "POST", body: `{"title":"${words.text}` });
    for (const segment of [
      words.email,
      words.key,
      words.othersKey,
      encodeURIComponent(words.email),
      words.strangersKey,
    ])
      await send(`${A}/events/${segment}`, { headers: { ...headers, "x-api-key": words.strangersKey } });
  }
  const line = [`GET ${A}/events/..%2f${words.condition} HTTP/1.1`, "Host: h", "Connection: close"];
  const raw = await rawExchange(
    gateway.port,
    rawRequest([...line, `Authorization: ${credentials[0] ?? ""}`]),
  );
  ids.push(/"requestId":"([^"]+)"/.exec(raw)?.[1] ?? "");
  const texts: string[] = [];
  for (const id of ids) texts.push(await told(id));
  t.ok(texts.length > 100 && texts.every((text) => text.includes('"past"')), `${texts.length} explanations`);
  for (const text of texts) t.strictSame(found(words, text), []);
});

t.test("nor is what the CMS says of it, in an error or in what is none", async (t) => {
  const echo = `${words.text} ${words.email} ${words.condition}`;
  const bodies = [
    answerOf("500 X", JSON.stringify({ errors: [{ message: echo }] }), ["content-type: application/json"]),
    answerOf(
      "400 X",
      JSON.stringify({
        errors: [
          { name: "ValidationError", message: echo, data: { errors: [{ path: words.name, message: echo }] } },
        ],
      }),
    ),
    answerOf("200 OK", `<html>${echo}`, ["content-type: text/html"]),
    answerOf("200 OK", `{"docs":"${echo}`, ["content-type: application/json"]),
    answerOf("200 OK", `{"docs":[{"title":"${echo}"}]}`, ["content-type: application/json"]),
    answerOf("403 X", JSON.stringify({ errors: [{ message: echo }] }), ["content-type: application/json"]),
  ];
  const headers = { authorization: `users API-Key ${words.key}` };
  await sent(`${A}/events`, { headers });
  for (const body of bodies) {
    line.stage(says(body), /\/api\/(?!users)/);
    for (const init of [{ headers }, { headers, method: "POST", body: "{}" }]) {
      const text = await told(await sent(`${A}/events`, init));
      t.match(text, /"verdict":"refused"/);
      t.strictSame(found(words, text), []);
    }
  }
  await line.heal();
});

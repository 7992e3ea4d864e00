import { join } from "node:path";
import t from "tap";
import { startCms } from "../support/cms/server.ts";
import { answerOf, closesEarly, startFaultyLine, type OnWire } from "../support/faults.ts";
import { startProgram } from "../support/program.ts";
import { rawExchange, rawRequest } from "../support/raw.ts";

/**
 * Plants secrets in every place that can hold one: configuration, headers, bodies, paths, the CMS's error
 * texts, an error that ends the process. Then searches all output of the real process for them.
 */

const cms = await startCms({ record: false });
const line = await startFaultyLine(() => cms.port);
t.teardown(async () => {
  await line.close();
  await cms.close();
});

/** Must not occur in any output. */
const SECRETS = {
  key: cms.keys.partnerA,
  serviceKey: cms.keys.service,
  strangersKey: "PLANTED-key-of-nobody",
  cookie: "PLANTED-cookie",
  jwt: "eyJQTEFOVEVE.eyJQTEFOVEVE.PLANTED",
  bearer: "PLANTED-bearer",
  redisPassword: "PLANTED-redis-password",
  password: "PLANTED-password",
  header: "PLANTED-header",
  email: "planted@partner.test",
} as const;
/** A partner gets its own words back; the log must not hold them. */
const BODY = "PLANTED-body";
const QUERY = "PLANTED-query";

const answers: string[] = [];
const POSTS = "/partners/2026-02/tenant-a/posts";
const COMMON = [
  "Host: h",
  `Cookie: payload-token=${SECRETS.jwt}; session=${SECRETS.cookie}`,
  `X-Secret: ${SECRETS.header}`,
  `X-Auth-Token: ${SECRETS.bearer}`,
  "Connection: close",
];

t.test("no output at the most verbose level, up to a crash, holds a planted secret", async (t) => {
  const program = await startProgram(line.url, {
    preload: join(import.meta.dirname, "../support/crash.ts"),
    settings: {
      partners: { collections: ["posts", "events"] },
      cache: { keyTtl: "1ms", tenantTtl: "1ms" },
    },
    env: {
      LOG_LEVEL: "trace",
      CMS_SERVICE_KEY: SECRETS.serviceKey,
      REDIS_URL: `redis://someone:${SECRETS.redisPassword}@127.0.0.1:1/0`,
      CRASH_TEXT: `failed: ${JSON.stringify({ authorization: `users API-Key ${SECRETS.strangersKey}`, cookie: `a=${SECRETS.cookie}`, password: SECRETS.password })} redis://x:${SECRETS.redisPassword}@h ${SECRETS.key} ${SECRETS.email} ${SECRETS.jwt}`,
    },
  });
  t.teardown(() => program.signal("SIGKILL"));

  const say = async (first: string, more: readonly string[], body = ""): Promise<void> => {
    const length = body === "" ? [] : [`Content-Length: ${Buffer.byteLength(body)}`];
    answers.push(await rawExchange(program.port, rawRequest([first, ...COMMON, ...more, ...length], body)));
  };
  const credentials = [
    `Authorization: users API-Key ${SECRETS.key}`,
    `Authorization: users API-Key ${SECRETS.strangersKey}`,
    `Authorization: Bearer ${SECRETS.bearer}`,
    `Authorization: JWT ${SECRETS.jwt}`,
  ];
  const all = async (): Promise<void> => {
    for (const credential of credentials) {
      const body = JSON.stringify({ title: BODY, email: SECRETS.email, password: SECRETS.password });
      await say(`GET ${POSTS}?where[title][equals]=${QUERY} HTTP/1.1`, [credential]);
      await say(
        `POST ${POSTS} HTTP/1.1`,
        [credential],
        `{"title":"${BODY}","password":"${SECRETS.password}"`,
      );
      await say(`POST ${POSTS.replace("posts", "events")} HTTP/1.1`, [credential], body);
      await say(`PATCH ${POSTS}/1 HTTP/1.1`, [credential], `{"text":"${BODY}","email":"${SECRETS.email}"}`);
      await say(`GET /api/posts?where[title][equals]=${QUERY} HTTP/1.1`, [credential]);
      await say(`GET /nowhere/${QUERY} HTTP/1.1`, [credential]);
      await say(`GET ${POSTS}/..%2f${QUERY} HTTP/1.1`, [credential]);
      await say(`GET /_next/x HTTP/1.1`, [credential, "Upgrade: websocket"]);
      await say(`GET ${POSTS} HTTP/1.1 ${SECRETS.header}`, [credential]);
      await say(`GET ${POSTS} HTTP/1.1`, [credential, `bad header ${SECRETS.header}`]);
      await say(`GET ${POSTS} HTTP/1.1`, [credential, `X: ${SECRETS.header.repeat(2_000)}`]);
      await say(`GET ${POSTS} HTTP/1.1`, [credential, `Authorization: Basic ${SECRETS.bearer}`]);
    }
    const login = JSON.stringify({ email: SECRETS.email, password: SECRETS.password });
    await say("POST /api/users/login HTTP/1.1", ["Content-Type: application/json"], login);
  };

  await all();
  line.stage(echoes("500 X", "application/json"));
  await all();
  line.stage(echoes("200 OK", "text/html"), /^(?!.*me)/);
  await all();
  line.stage(closesEarly);
  await all();
  await line.heal();
  for (const path of ["/", "/livez", "/readyz", "/metrics", `/${QUERY}`]) {
    answers.push(await (await fetch(program.adminUrl + path)).text());
  }
  program.signal("SIGUSR2");
  t.equal(await program.ended, 1);

  const output = program.output();
  t.match(output, /"msg":"uncaught exception"/, "the crash is in the log");
  t.ok(program.lines().length > 100, "the requests are in the log");
  for (const [name, secret] of Object.entries(SECRETS)) {
    t.notOk(output.includes(secret), `${name} in the output: ${around(output, secret)}`);
    // An echo of the CMS in a native response is not the gateway's text.
    const told = answers.filter((answer) => !answer.includes("ECHO")).join("\n");
    t.notOk(told.includes(secret), `${name} in a response: ${around(told, secret)}`);
  }
  for (const own of [BODY, QUERY]) t.notOk(output.includes(own), `${own}: ${around(output, own)}`);
});

t.test("reports a configuration that does not load without its secrets", async (t) => {
  const broken = join(
    t.testdir({ "broken.yaml": 'cms:\n  serviceKey: "PLANTED-service-key\nserver:\n  port: 1\n' }),
    "broken.yaml",
  );
  const wrong: Record<string, string>[] = [
    { UPSTREAM_URL: `http://:${SECRETS.password}@cms.test:3000` },
    { UPSTREAM_URL: `http://user:${SECRETS.password}@cms.test:3000` },
    { REDIS_URL: `http://user:${SECRETS.redisPassword}@h` },
    { CONFIG_FILE: broken },
  ];
  for (const env of wrong) {
    const error: unknown = await startProgram(line.url, { env }).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    t.match(String(error), /The configuration has/, JSON.stringify(Object.keys(env)));
    t.notMatch(String(error), "PLANTED");
  }
});

/** A CMS in debug mode: its error holds the whole request. */
function echoes(status: string, type: string) {
  return ({ gateway, head }: OnWire): void => {
    const lines = head.split("\r\n").map((text) => {
      const [name = "", ...rest] = text.split(": ");
      return [name, rest.join(": ")];
    });
    const body = JSON.stringify({
      errors: [{ message: `ECHO ${SECRETS.email}`, data: Object.fromEntries(lines) }],
    });
    gateway.write(answerOf(status, body, [`content-type: ${type}`]));
  };
}

function around(text: string, secret: string): string {
  const at = text.indexOf(secret);
  return at === -1 ? "" : text.slice(Math.max(0, at - 300), at + 100);
}

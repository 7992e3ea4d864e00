import t from "tap";
import { rawExchange, rawRequest } from "../../../support/raw.ts";
import { type Origin, startFront, startOrigin } from "./front.ts";

/** Sends a request with these header lines and returns the headers that the origin saw. */
async function seenBy(
  origin: Origin,
  port: number,
  lines: readonly string[],
): Promise<NodeJS.Dict<string | string[]>> {
  await rawExchange(port, rawRequest(["GET /api HTTP/1.1", "Host: h", ...lines, "Connection: close"]));
  return origin.seen.at(-1)?.headers ?? {};
}

t.test("removes Next.js's internal headers and keeps those of its browser client", async (t) => {
  const origin = await startOrigin(t);
  const front = await startFront(t, origin.url);
  const forged = [
    "x-middleware-subrequest",
    "X_Middleware_Subrequest",
    "x-middleware-rewrite",
    "x-middleware-set-cookie",
  ];
  const more = [
    "x-invoke-path",
    "x-invoke-status",
    "x-nextjs-cache",
    "X_Nextjs_Postponed",
    "x-matched-path",
    "x-now-route-matches",
    "next-resume",
  ];
  const wanted = [
    "x-nextjs-data",
    "x-nextjs-request-id",
    "x-nextjs-html-request-id",
    "x-middleware-prefetch",
    "rsc",
    "next-router-state-tree",
    "next-action",
    "next-url",
  ];
  const headers = await seenBy(origin, front.port, [
    ...[...forged, ...more].map((name) => `${name}: forged`),
    ...wanted.map((name) => `${name}: wanted`),
  ]);
  t.notMatch(JSON.stringify(headers), /forged/);
  for (const name of wanted) t.equal(headers[name], "wanted", name);
});

t.test("passes method overrides, cookies and custom headers, which the admin panel needs", async (t) => {
  const origin = await startOrigin(t);
  const front = await startFront(t, origin.url);
  const headers = await seenBy(origin, front.port, [
    "X-Payload-HTTP-Method-Override: GET",
    "X-HTTP-Method-Override: GET",
    "Cookie: a=1",
    "Cookie: b=2",
    "Authorization: JWT x",
    "Origin: http://h",
    "Sec-Fetch-Site: same-origin",
  ]);
  t.match(headers, {
    host: "h",
    "x-payload-http-method-override": "GET",
    "x-http-method-override": "GET",
    cookie: "a=1; b=2",
    authorization: "JWT x",
    origin: "http://h",
    "sec-fetch-site": "same-origin",
  });
});

t.test("passes header bytes above 127 unchanged", async (t) => {
  const origin = await startOrigin(t);
  const front = await startFront(t, origin.url);
  const headers = await seenBy(origin, front.port, ["X-Name: caf\u00e9 caf\u00c3\u00a9"]);
  t.equal(headers["x-name"], "caf\u00e9 caf\u00c3\u00a9");
});

import { execFile } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer } from "node:tls";
import { promisify } from "node:util";
import t from "tap";

import { loadConfig } from "../../src/config/load.ts";
import { startCms } from "../support/cms/server.ts";
import { startTestGateway } from "../support/gateway.ts";
import { readPosts } from "../support/partner.ts";
import { rawExchange, rawRequest } from "../support/raw.ts";

// The CMS behind TLS: a private authority, a name that is not its address, and a required client certificate.

const run = promisify(execFile);
const dir = await mkdtemp(join(tmpdir(), "tls-"));
t.teardown(() => rm(dir, { recursive: true, force: true }));
const file = (name: string): string => join(dir, name);
const text = (name: string): string => readFileSync(file(name), "utf8");
const openssl = (...words: string[]) => run("openssl", words, { cwd: dir });

/** Creates a key and a certificate for `name`, signed by the authority. */
async function certify(name: string): Promise<void> {
  await writeFile(file(`${name}.ext`), `subjectAltName=DNS:${name}\n`);
  await openssl(
    "req",
    "-newkey",
    "rsa:2048",
    "-nodes",
    "-subj",
    `/CN=${name}`,
    "-keyout",
    `${name}.key`,
    "-out",
    `${name}.csr`,
  );
  await openssl(
    "x509",
    "-req",
    "-in",
    `${name}.csr`,
    "-CA",
    "ca.crt",
    "-CAkey",
    "ca.key",
    "-days",
    "2",
    "-extfile",
    `${name}.ext`,
    "-out",
    `${name}.crt`,
  );
}

await openssl(
  "req",
  "-x509",
  "-newkey",
  "rsa:2048",
  "-nodes",
  "-subj",
  "/CN=Test authority",
  "-days",
  "2",
  "-keyout",
  "ca.key",
  "-out",
  "ca.crt",
);
await certify("cms.internal");
await certify("gateway.internal");

const cms = await startCms({ record: false });
const names: unknown[] = [];
const front = createServer(
  { ca: text("ca.crt"), cert: text("cms.internal.crt"), key: text("cms.internal.key"), requestCert: true },
  (socket) => {
    names.push([socket.servername, socket.getPeerCertificate().subject?.CN]);
    const plain = connect(cms.port, "127.0.0.1");
    socket.pipe(plain).pipe(socket);
    for (const end of [socket, plain]) end.on("error", () => [socket, plain].map((each) => each.destroy()));
  },
).listen(0, "127.0.0.1");
front.on("tlsClientError", () => undefined);
await once(front, "listening");
t.teardown(async () => {
  front.close();
  await cms.close();
});
const address = front.address();
const origin = `https://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`;

const TLS = {
  caFile: file("ca.crt"),
  certFile: file("gateway.internal.crt"),
  keyFile: file("gateway.internal.key"),
  servername: "cms.internal",
};

/**
 * Resolves with the statuses of a partner's and a native request through a gateway with these TLS settings.
 */
async function statuses(tls: Record<string, string>): Promise<readonly number[]> {
  const gateway = await startTestGateway(origin, { upstream: { tls, breakerFailures: 1_000 } });
  try {
    const partners = await readPosts(gateway, "partnerA");
    const native = await fetch(`${gateway.url}/api/users/me`);
    await Promise.all([partners.text(), native.text()]);
    return [partners.status, native.status];
  } finally {
    await gateway.stop();
  }
}

await t.test("with authority, certificate and name, partner and native requests reach the CMS", async (t) => {
  names.length = 0;
  t.strictSame(await statuses(TLS), [200, 200]);
  t.ok(names.length >= 2);
  for (const name of names)
    t.strictSame(name, ["cms.internal", "gateway.internal"], "requested server name, client's name");
});

await t.test("a client's Host changes neither the TLS server name nor the connection", async (t) => {
  const gateway = await startTestGateway(origin, { upstream: { tls: TLS } });
  t.teardown(() => gateway.stop());
  for (const host of ["one.example", "two.example", "gateway.internal"]) {
    const head = ["GET /api/users/me HTTP/1.1", `Host: ${host}`, "Connection: close"];
    t.match(await rawExchange(gateway.port, rawRequest(head)), /^HTTP\/1\.1 200 /, host);
    if (host === "one.example") names.length = 0;
  }
  t.strictSame(names, []);
});

await t.test("without authority, certificate or name, no request reaches the CMS", async (t) => {
  const { caFile, certFile, keyFile, servername } = TLS;
  names.length = 0;
  t.strictSame(await statuses({ caFile, servername }), [503, 502], "no certificate");
  t.strictSame(await statuses({ certFile, keyFile, servername }), [503, 502], "an unknown authority");
  t.strictSame(
    await statuses({ caFile, certFile, keyFile, servername: "gateway.internal" }),
    [503, 502],
    "another name",
  );
  t.strictSame(await statuses({ caFile, certFile, keyFile }), [503, 502], "the address in place of a name");
});

await t.test("certificates that cannot be used prevent the start, with one message", async (t) => {
  const problem = (tls: Record<string, string>, url = origin) => {
    try {
      loadConfig({
        env: { CONFIG_FILE: "settings" },
        readFile: (path) =>
          path === "settings"
            ? JSON.stringify({ upstreams: { old: { url, tls } }, upstream: { url } })
            : readFileSync(path, "utf8"),
      });
      return "";
    } catch (error) {
      return String(error);
    }
  };
  t.equal(problem(TLS), "");
  t.match(problem({ ...TLS, caFile: file("missing.crt") }), /upstreams\.old\.tls.*: caFile: ENOENT/);
  t.match(problem({ certFile: TLS.certFile }), /certFile and keyFile must be set together/);
  t.match(problem({ ...TLS, keyFile: file("cms.internal.key") }), /unusable certificates/);
  t.match(problem(TLS, "http://cms.internal"), /http:\/\/cms\.internal is not https/);
  t.match(problem({ ...TLS, caFiles: "x" }), /caFiles: there is no such setting; did you mean caFile\?/);
});

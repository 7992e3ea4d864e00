import t from "tap";
import { startCms } from "../support/cms/server.ts";
import { startProgram } from "../support/program.ts";
import { chunked, rawExchange, rawRequest } from "../support/raw.ts";

const cms = await startCms();
t.teardown(() => cms.close());

/** Messages that Node accepts with a lenient parser and another server may read differently. */
const LENIENT: Readonly<Record<string, readonly [readonly string[], string]>> = {
  "a control character in a value": [["X-A: b\u0001c"], ""],
  "a length beside chunks": [["Content-Length: 5", "Transfer-Encoding: chunked"], chunked("{}")],
  "a coding after chunks": [["Transfer-Encoding: chunked, gzip"], chunked("{}")],
  "a blank after a chunk's size": [["Transfer-Encoding: chunked"], "2 \r\n{}\r\n0\r\n\r\n"],
};

t.test("the parser stays strict, even if NODE_OPTIONS makes it lenient", async (t) => {
  const program = await startProgram(cms.url, { env: { NODE_OPTIONS: "--insecure-http-parser" } });
  t.teardown(() => program.signal("SIGKILL"));
  cms.takeRequests();
  for (const [name, [lines, body]] of Object.entries(LENIENT)) {
    for (const path of ["/api/posts", "/partners/2026-02/tenant-a/posts"]) {
      const head = [`POST ${path} HTTP/1.1`, "Host: h", "Connection: close", ...lines];
      t.match(
        await rawExchange(program.port, rawRequest(head, body)),
        /^HTTP\/1\.1 400 /,
        `${name}: ${path}`,
      );
    }
  }
  const arrived = cms.takeRequests().filter(({ path, bodyBytes }) => path === "/api/posts" && bodyBytes > 0);
  t.strictSame(arrived, [], "the CMS received nothing of it");
});

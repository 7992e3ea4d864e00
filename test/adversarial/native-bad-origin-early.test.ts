// Attack: a CMS, or a server in front of it, answers an upload early and closes while the client still sends.
// Amplifier: the close discards what was not read, so that TCP resets the connection and the next write to it fails.
// Defence: a write that fails ends no connection whose answer may be waiting to be read.
import type { IncomingMessage } from "node:http";
import t, { type Test } from "tap";
import { badOrigin } from "../support/bad-origin.ts";
import { rawConnect, rawRequest } from "../support/raw.ts";
import { startFront } from "../unit/http/proxy/front.ts";

const UPLOAD = rawRequest(["POST /api/media HTTP/1.1", "Host: h", "Content-Length: 1000000"], "first");
const REFUSAL = "HTTP/1.1 413 Payload Too Large\r\nConnection: close\r\nContent-Length: 4\r\n\r\nmuch";

/**
 * A front before an origin that says `text` and resets the connection. Where `isWritten`, the next part of the body is
 * written in the same turn, so that the write fails before the answer can be read.
 */
async function frontOf(t: Test, text: string, isWritten: boolean) {
  let upload: IncomingMessage | undefined;
  const origin = await badOrigin((socket) => {
    socket.pause();
    socket.write(text, "latin1", () => {
      socket.resetAndDestroy();
      if (isWritten) for (let part = 0; part < 3; part += 1) upload?.push(Buffer.alloc(1_000));
    });
  });
  t.teardown(() => origin.close());
  const front = await startFront(t, origin.url);
  front.server.prependListener("request", (request: IncomingMessage) => void (upload = request));
  return front;
}

for (const isWritten of [false, true]) {
  const order = isWritten ? "where a write fails first" : "where the answer is read first";
  t.test(`an early refusal is relayed ${order}`, async (t) => {
    const front = await frontOf(t, REFUSAL, isWritten);
    for (let nth = 0; nth < 3; nth += 1) {
      const client = await rawConnect(front.port);
      client.send(UPLOAD);
      t.match(await client.until(/much$|\}$/), /^HTTP\/1\.1 413 [^]*much$/);
      client.socket.destroy();
    }
    t.strictSame(front.failures, []);
  });

  t.test(`a connection that ends without an answer is 502 ${order}`, async (t) => {
    for (const text of ["", "HTTP/1.1 413 Payload"]) {
      const front = await frontOf(t, text, isWritten);
      const client = await rawConnect(front.port);
      client.send(UPLOAD);
      t.match(await client.until(/\}$/), /^HTTP\/1\.1 502 /);
      client.socket.destroy();
      t.match(front.failures, [{ code: "upstream.unreachable" }]);
    }
  });
}

// Attack: the CMS, or a server in front of it, answers an upload early and closes while the client still
// sends.
// Amplifier: the close discards unread bytes, so TCP resets the connection and the next write to it fails.
// Defence: a failed write does not end a connection that may still hold an unread response.
import type { IncomingMessage } from "node:http";
import t, { type Test } from "tap";
import { badOrigin } from "../support/bad-origin.ts";
import { rawConnect, rawRequest } from "../support/raw.ts";
import { startFront } from "../unit/http/proxy/front.ts";

const UPLOAD = rawRequest(["POST /api/media HTTP/1.1", "Host: h", "Content-Length: 1000000"], "first");
const REFUSAL = "HTTP/1.1 413 Payload Too Large\r\nConnection: close\r\nContent-Length: 4\r\n\r\nmuch";

/**
 * Starts a front before an origin that sends `text` and resets the connection. If `isWritten`, the next part
 * of the body is written in the same tick, so the write fails before the response can be read.
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
  const order = isWritten ? "if a write fails first" : "if the response is read first";
  t.test(`relays an early rejection ${order}`, async (t) => {
    const front = await frontOf(t, REFUSAL, isWritten);
    for (let nth = 0; nth < 3; nth += 1) {
      const client = await rawConnect(front.port);
      client.send(UPLOAD);
      t.match(await client.until(/much$|\}$/), /^HTTP\/1\.1 413 [^]*much$/);
      client.socket.destroy();
    }
    t.strictSame(front.failures, []);
  });

  t.test(`answers 502 to a connection that ends without a response ${order}`, async (t) => {
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

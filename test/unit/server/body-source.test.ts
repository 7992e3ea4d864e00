import { once } from "node:events";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import t from "tap";
import { FOREVER } from "../../../src/core/async/cancellation.ts";
import { createBodySource } from "../../../src/server/body-source.ts";
import { handClock } from "../../support/clock.ts";

t.test("reads a body once from the connection, however often it is requested", async (t) => {
  const texts: string[] = [];
  const server = createServer((incoming, response) => {
    const source = createBodySource({
      request: incoming,
      response,
      expectsContinue: false,
      pause: 5_000,
      clock: handClock(),
    });
    void (async () => {
      for (let i = 0; i < 2; i += 1) texts.push((await source.read(100, FOREVER)).toString());
      response.end();
    })();
  });
  t.teardown(() => server.close());
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port }: AddressInfo = Object(server.address());
  const asking = request({ port, host: "127.0.0.1", method: "POST" });
  asking.end("what a partner wrote");
  const [answer] = await once(asking, "response");
  answer.resume();
  t.strictSame(texts, ["what a partner wrote", "what a partner wrote"]);
});

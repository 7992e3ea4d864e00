import t from "tap";
import { PendingAcks } from "../../../src/cache/pending-acks.ts";
import { Peers } from "../../../src/cache/peers.ts";
import { handClock } from "../../support/clock.ts";

// In a Cluster, each message may pass any node, so two messages of one sender may arrive out of order.

t.test("a replica that has sent a bye stays gone, even if earlier messages arrive later", async (t) => {
  const peers = new Peers();
  peers.hear("other", 1, 0);
  t.strictSame([...peers.alive("self", 0)], ["other"]);
  peers.hear("other", 3, 0);
  peers.leave("other");
  t.ok(peers.hear("other", 2, 0), "no gap");
  t.strictSame([...peers.alive("self", 0)], []);
});

t.test("a late message does not cause a gap before the next one", async (t) => {
  const peers = new Peers();
  for (const seq of [1, 2]) t.ok(peers.hear("other", seq, 0));
  t.notOk(peers.hear("other", 4, 0), "the third may be lost, so there is a gap");
  t.ok(peers.hear("other", 3, 0), "the third arrives late");
  t.ok(peers.hear("other", 5, 0), "the fifth follows the highest number");
  t.notOk(peers.hear("other", 7, 0));
});

t.test("no message waits for the ack of a replica that has left", async (t) => {
  const deliveries = new PendingAcks(handClock(), 1_000);
  const [first, second] = [deliveries.begin(1), deliveries.begin(2)];
  deliveries.expect(1, new Set(["stays", "leaves"]));
  deliveries.leave("leaves");
  // The live replicas may become known only after the bye.
  deliveries.expect(2, new Set(["stays", "leaves"]));
  for (const seq of [1, 2]) deliveries.acknowledge({ from: "stays", seq });
  const delivery = { peers: 2, acknowledged: 2, complete: true };
  t.strictSame(await Promise.all([first, second]), [delivery, delivery]);
});

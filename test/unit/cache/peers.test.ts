import t from "tap";
import { PendingAcks } from "../../../src/cache/pending-acks.ts";
import { Peers } from "../../../src/cache/peers.ts";
import { handClock } from "../../support/clock.ts";

// In a Cluster, each message goes by any of the nodes: two of one sender may change places.

t.test("who has said goodbye stays away, whatever of theirs is heard after it", async (t) => {
  const peers = new Peers();
  peers.hear("other", 1, 0);
  t.strictSame([...peers.alive("self", 0)], ["other"]);
  peers.hear("other", 3, 0);
  peers.leave("other");
  t.ok(peers.hear("other", 2, 0), "no gap");
  t.strictSame([...peers.alive("self", 0)], []);
});

t.test("a message that comes late makes no gap of the next", async (t) => {
  const peers = new Peers();
  for (const seq of [1, 2]) t.ok(peers.hear("other", seq, 0));
  t.notOk(peers.hear("other", 4, 0), "the third may be lost");
  t.ok(peers.hear("other", 3, 0), "it is not");
  t.ok(peers.hear("other", 5, 0), "the next after the highest");
  t.notOk(peers.hear("other", 7, 0));
});

t.test("nobody waits for the ack of a replica that leaves", async (t) => {
  const deliveries = new PendingAcks(handClock(), 1_000);
  const [first, second] = [deliveries.begin(1), deliveries.begin(2)];
  deliveries.expect(1, new Set(["stays", "leaves"]));
  deliveries.leave("leaves");
  // The names of those who were alive may be known only after that.
  deliveries.expect(2, new Set(["stays", "leaves"]));
  for (const seq of [1, 2]) deliveries.acknowledge({ from: "stays", seq });
  const delivery = { peers: 2, acknowledged: 2, complete: true };
  t.strictSame(await Promise.all([first, second]), [delivery, delivery]);
});

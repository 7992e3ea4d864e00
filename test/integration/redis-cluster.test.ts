import { once } from "node:events";
import tap from "tap";
import { startCms } from "../support/cms/server.ts";
import { runRedisServer } from "../support/redis.ts";
import { judge, KEY } from "../support/revocation.ts";
import { redisFolder, redisServer, startGateways } from "../support/topology.ts";
import { until } from "../support/until.ts";

// A Cluster of three masters. All keys of the gateways have one hash tag, so that one node holds them.
const cms = await startCms({ record: false });
tap.teardown(() => cms.close());
const dir = await redisFolder(tap);

/** Options of a node that the others do not consider failed when the machine has not scheduled it. */
function optionsOf(n: number): string[] {
  const file = `nodes-${n}.conf`;
  return ["--cluster-enabled", "yes", "--cluster-config-file", file, "--cluster-node-timeout", "600000"];
}

await tap.test("Cluster: the gateways use the node of their slot, and continue without it", async (t) => {
  const nodes = [];
  for (const n of [0, 1, 2]) nodes.push(await redisServer(t, dir, optionsOf(n)));
  const [first] = nodes;
  if (first === undefined) return;
  for (const [n, { redis }] of nodes.entries()) {
    const from = n * 5_500;
    await redis.call("CLUSTER", "ADDSLOTSRANGE", from, Math.min(from + 5_499, 16_383));
    if (n > 0) await redis.call("CLUSTER", "MEET", "127.0.0.1", first.port);
  }
  for (const { redis } of nodes) {
    await until("the cluster", async () =>
      String(await redis.call("CLUSTER", "INFO")).includes("cluster_state:ok"),
    );
  }
  const cluster = nodes.map(({ port }) => `127.0.0.1:${port}`);
  const { one, two, works, startAnother } = await startGateways(t, cms, { settings: { cluster } });
  await works(t, "by Cluster");
  const holding = [];
  for (const node of nodes) {
    if ((await node.redis.keys("{partners-gateway}:*")).length > 0) holding.push(node);
  }
  t.equal(holding.length, 1, "one hash tag, one slot, one node");
  const [holder] = holding;
  if (holder === undefined) return;
  const epochs = () => holder.redis.keys("*:epoch:keys");
  // A lookup creates an epoch if there is none.
  await until("an epoch", async () => {
    await judge(one, `stranger-${Math.random()}`);
    return (await epochs()).length === 1;
  });
  await startAnother();
  t.strictSame(await epochs(), [], "a gateway that starts uses no record from before");
  // The killed node may not have delivered the third gateway's `bye`, so the others must have it before.
  await works(t, "without the third");
  const index = nodes.indexOf(holder);
  holder.child.kill("SIGKILL");
  await once(holder.child, "exit");
  for (const gateway of [one, two]) t.equal(await judge(gateway, KEY), "good", "without that node");
  const again = await runRedisServer(holder.port, optionsOf(index), dir);
  t.teardown(() => again.kill("SIGKILL"));
  await works(t, "after the node has come back");
});

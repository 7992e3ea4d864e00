import t from "tap";
import { startCms } from "../support/cms/server.ts";
import { startRedis } from "../support/redis.ts";
import { administrator, KEY, sharing, untilRedis, USER } from "../support/revocation.ts";
import { startLine } from "../support/tcp-line.ts";
import { unhurried, untilShared } from "../support/unhurried.ts";
import { type Client, clientOfEach, POSTS, startTwo } from "../support/workers.ts";

// Two workers with Redis: replicas of each other to it, and still workers of one gateway where it is gone.
t.setTimeout(900_000);
const [cms, redis] = [await startCms({ record: false }), await startRedis()];
const line = await startLine(redis.port);
t.teardown(async () => {
  await line.close();
  await Promise.all([cms.close(), redis.close()]);
});

const judge = async (client: Client): Promise<number> =>
  (await client.ask("/partners/1999-01/x/y", { headers: { authorization: `users API-Key ${KEY}` } })).status;

/** More than the requests by which `clientOfEach` finds both workers. */
const LIMIT = 60;

t.test("both count for one limit, and a withdrawal reaches both also while Redis is gone", async (t) => {
  const settings = unhurried({
    rate: { enabled: true, window: "1h", reads: LIMIT },
    cache: { cutOffTtl: "1h" },
  });
  const env = sharing(`redis://127.0.0.1:${line.port}`);
  const program = await startTwo(t, cms.url, { settings, env });
  await untilShared(redis, [program, program]);
  const both = await clientOfEach(t, program);
  const admin = await administrator(program);
  for (const client of both) t.equal(await judge(client), 400);
  await admin.write("PATCH", USER, { enableAPIKey: false });
  for (const client of both) t.equal(await judge(client), 401);
  await admin.write("PATCH", USER, { enableAPIKey: true, apiKey: KEY });
  // The requests that found out which client is whose were counted as well.
  const counted = await redis.admin.llen("{partners-gateway}:count:reads:2");
  const statuses: number[] = [];
  for (let i = 0; i < LIMIT; i += 1)
    for (const client of both) statuses.push((await client.ask(`${POSTS}?limit=1`)).status);
  const passed = statuses.filter((status) => status === 200).length;
  t.equal(passed, LIMIT - counted, "one limit for both");
  t.equal(statuses.at(-1), 429);
  line.cut();
  await untilRedis(program, "degraded");
  for (const client of both) t.equal(await judge(client), 400, "remembered by both");
  await admin.write("PATCH", USER, { enableAPIKey: false });
  for (const client of both) t.equal(await judge(client), 401, "and forgotten by both");
});

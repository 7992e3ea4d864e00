import { type Front, type Origin, startFront, startOrigin, type Test } from "../unit/http/proxy/front.ts";
import { PATIENCE_MS } from "./until.ts";

/**
 * A native proxy and an honest origin. No side closes a connection for being idle between two requests of a test, however
 * long the machine takes.
 */
export async function startKept(t: Test): Promise<{ origin: Origin; front: Front }> {
  const origin = await startOrigin(t);
  const front = await startFront(t, origin.url, { idleMs: PATIENCE_MS });
  for (const { server } of [origin, front]) server.keepAliveTimeout = 2 * PATIENCE_MS;
  return { origin, front };
}

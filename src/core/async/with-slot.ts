import type { Incoming } from "../context.ts";

/**
 * Does `work` for a request that occupies a slot, and calls `leave` once to release it. If `work` fails, it
 * releases the slot at once, because an error's answer is small. Otherwise it waits until the answer is
 * written or the client has disconnected.
 */
export async function withSlot<T>(
  { afterwards }: Pick<Incoming, "afterwards">,
  leave: () => void,
  work: () => Promise<T>,
): Promise<T> {
  let done: T;
  try {
    done = await work();
  } catch (thrown) {
    leave();
    throw thrown;
  }
  afterwards(leave);
  return done;
}

import type { Incoming } from "./context.ts";

/**
 * Does `work` in a place that has been taken for `request`, and calls `leave` once: where it fails at once, since an error's
 * answer is small; otherwise when the answer has been written, or its client has gone.
 */
export async function inPlace<T>(
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

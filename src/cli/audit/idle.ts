import { connect as connectPlain } from "node:net";
import { connect as connectTls } from "node:tls";
import type { Clock } from "../../core/clock.ts";

/** The result of a connection that was left idle after one answer. */
export interface Idle {
  /** Milliseconds from the answer's last byte until the CMS closed the connection or the wait ended. */
  readonly ms: number;
  readonly isClosed: boolean;
}

/**
 * Sends `head` to `origin`, then stays idle until the CMS closes the connection, at most `wait` milliseconds
 * after the last byte.
 */
export function idleTime(
  origin: URL,
  { head, wait, clock }: { head: string; wait: number; clock: Clock },
): Promise<Idle> {
  const host = origin.hostname.replace(/^\[|\]$/g, "");
  const isTls = origin.protocol === "https:";
  const port = Number(origin.port || (isTls ? 443 : 80));
  return new Promise((resolve, reject) => {
    const socket = isTls ? connectTls({ host, port, servername: host }) : connectPlain({ host, port });
    let last: number | undefined;
    let stop = clock.after(wait, () => socket.destroy(new Error("no answer")));
    const end = (isClosed: boolean) => {
      stop();
      if (last === undefined) reject(new Error("closed without an answer"));
      else resolve({ ms: clock.now() - last, isClosed });
      socket.destroy();
    };
    socket.on("data", () => {
      last = clock.now();
      stop();
      stop = clock.after(wait, () => end(false));
    });
    socket.once("end", () => end(true)).once("error", reject);
    socket.once(isTls ? "secureConnect" : "connect", () => socket.write(head));
  });
}

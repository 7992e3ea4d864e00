import type { Redis } from "ioredis";
import type { Test } from "tap";
import { until } from "./until.ts";

const ALL = "{partners-gateway}:all";

/** A replica's message on the common channel. */
export interface Said {
  readonly from: string;
  readonly seq: number;
  readonly type?: unknown;
}

/** The test itself as a replica: it sends messages and sees the others' messages. */
export interface Peer {
  /** Sends a message in the name of `from`; resolves when Redis has delivered it. */
  readonly say: (message: Said & Record<string, unknown>) => Promise<void>;
  /** Acknowledges the message `seq` of `to`; resolves when Redis has delivered that. */
  readonly acknowledge: (to: Pick<Said, "from" | "seq">) => Promise<void>;
  /**
   * Resolves when `replicas` others have processed all earlier messages, and their answers have reached
   * Redis: each answers a hello with a heartbeat, in the order of the messages.
   */
  readonly settled: (replicas: number) => Promise<void>;
}

/** Joins the channel and leaves it with the test. `onMessage` receives the others' messages. */
export async function startPeer(t: Test, admin: Redis, onMessage?: (said: Said) => void): Promise<Peer> {
  const own = admin.duplicate();
  t.teardown(() => own.disconnect());
  const beats = new Map<string, number>();
  let hellos = 0;
  await own.subscribe(ALL);
  own.on("message", (_, text: string) => {
    const said: Said = JSON.parse(text);
    if (said.type === "beat") beats.set(said.from, (beats.get(said.from) ?? 0) + 1);
    onMessage?.(said);
  });
  const say = async (message: object): Promise<void> => {
    await admin.publish(ALL, JSON.stringify(message));
  };
  return {
    say,
    async acknowledge({ from, seq }) {
      await admin.publish(`{partners-gateway}:acks:${from}`, JSON.stringify({ from: "peer", seq }));
    },
    async settled(replicas) {
      const before = new Map(beats);
      hellos += 1;
      await say({ from: `hello-${hellos}-${Math.random()}`, seq: 1, type: "hello" });
      const answered = (): number =>
        [...beats].filter(([from, count]) => count > (before.get(from) ?? 0)).length;
      await until(`${replicas} replicas to answer a hello`, () => answered() >= replicas);
    },
  };
}

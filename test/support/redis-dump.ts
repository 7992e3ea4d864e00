import type { Redis } from "ioredis";

/** A key of Redis with all that is in it. */
export interface Entry {
  readonly name: string;
  readonly type: string;
  /** The name and the content, as text. */
  readonly text: string;
}

const READERS: Readonly<Record<string, (client: Redis, name: string) => Promise<unknown>>> = {
  string: (client, name) => client.get(name),
  hash: (client, name) => client.hgetall(name),
  list: (client, name) => client.lrange(name, 0, -1),
  set: (client, name) => client.smembers(name),
  zset: (client, name) => client.zrange(name, "0", "-1", "WITHSCORES"),
  stream: (client, name) => client.xrange(name, "-", "+"),
};

/** Every key of whatever type, whole. Throws on a type that it cannot read: what cannot be read was not searched. */
export async function dumpOf(client: Redis): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (const name of (await client.keys("*")).toSorted()) {
    const type = await client.type(name);
    const read = READERS[type];
    if (type === "none") continue;
    if (read === undefined) throw new Error(`${name} is a ${type}: teach redis-dump.ts to read it`);
    entries.push({ name, type, text: `${name} ${flat(await read(client, name))}` });
  }
  return entries;
}

/** What passes through a Redis, from now on. */
export interface Watch {
  /** Every command of whomever, with all its arguments, of scripts as well. */
  readonly commands: readonly (readonly string[])[];
  /** Every message, as a subscriber of everything gets it. */
  readonly messages: readonly { readonly channel: string; readonly text: string }[];
  close(): void;
}

/** Watches a Redis. What was written and is gone by the time of a dump is seen by this alone. */
export async function watchRedis(client: Redis): Promise<Watch> {
  const commands: string[][] = [];
  const messages: { channel: string; text: string }[] = [];
  const monitor = await client.monitor();
  monitor.on("monitor", (_time: string, args: string[]) => void commands.push(args));
  const subscriber = client.duplicate();
  subscriber.on("pmessage", (_pattern: string, channel: string, text: string) => {
    messages.push({ channel, text });
  });
  await subscriber.psubscribe("*");
  return {
    commands,
    messages,
    close() {
      monitor.disconnect();
      subscriber.disconnect();
    },
  };
}

/** All strings of a value, one after another as they are: JSON would write some characters in another way. */
function flat(value: unknown): string {
  if (Array.isArray(value)) return value.map(flat).join(" ");
  if (typeof value === "object" && value !== null) return Object.entries(value).flat(3).map(flat).join(" ");
  return String(value);
}

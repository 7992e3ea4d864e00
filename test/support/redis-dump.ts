import { once } from "node:events";
import { connect } from "node:net";
import { createInterface } from "node:readline";
import type { Redis } from "ioredis";

/** A key of Redis with its content. */
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

/** Reads every key of any type, whole. Throws on an unknown type, because it would stay unsearched. */
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

/** The traffic through a Redis from now on. It includes data that was written and removed before a dump. */
export interface Watch<T> {
  readonly seen: readonly T[];
  close(): void;
}

/** Watches every message, as a subscriber to all channels. */
export async function watchMessages(
  client: Redis,
): Promise<Watch<{ readonly channel: string; readonly text: string }>> {
  const seen: { channel: string; text: string }[] = [];
  const subscriber = client.duplicate();
  subscriber.on("pmessage", (_pattern: string, channel: string, text: string) => {
    seen.push({ channel, text });
  });
  await subscriber.psubscribe("*");
  return { seen, close: () => subscriber.disconnect() };
}

/**
 * Watches every command of every client with all its arguments, including commands of scripts: Redis's
 * MONITOR, until the connection is closed. It uses a plain socket, since ioredis throws if a command arrives
 * in one packet with the OK.
 */
export async function watchCommands({ options }: Redis): Promise<Watch<readonly string[]>> {
  const seen: string[][] = [];
  const socket = connect(options.port ?? 6_379, options.host);
  const lines = createInterface({ input: socket });
  lines.on("line", (line) => {
    const [, args] = /^\+[\d.]+ \[[^\]]*\] (".*)$/.exec(line) ?? [];
    if (args !== undefined) seen.push(argsOf(args));
  });
  socket.write("MONITOR\r\n");
  const [first] = await once(lines, "line");
  if (first !== "+OK") throw new Error(`MONITOR: ${String(first)}`);
  return { seen, close: () => socket.destroy() };
}

/** The arguments of a line such as `"set" "a \"word\" and \xff"`. */
function argsOf(line: string): string[] {
  const words = line.match(/"(?:[^"\\]|\\.)*"/g) ?? [];
  return words.map((word) =>
    String(JSON.parse(word.replaceAll(/\\(x|a)/g, (_, c) => (c === "x" ? "\\u00" : "\\u0007")))),
  );
}

/** All strings of a value in turn, unchanged: JSON would escape some characters. */
function flat(value: unknown): string {
  if (Array.isArray(value)) return value.map(flat).join(" ");
  if (typeof value === "object" && value !== null) return Object.entries(value).flat(3).map(flat).join(" ");
  return String(value);
}

import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

/**
 * A line to a Redis that can hold commands: between `hold` and `release` none arrives, and all connections
 * stay open. `holds` tells whether a word is among the held bytes.
 */
export async function slowLine(target: number) {
  let held: (() => void)[] | undefined;
  const bytes: string[] = [];
  const server = createServer((client) => {
    const redis = connect(target, "127.0.0.1");
    redis.on("data", (chunk: Buffer) => client.write(chunk));
    client.on("data", (chunk: Buffer) => {
      const go = (): void => void redis.write(chunk);
      if (held === undefined) go();
      else held.push(go);
      if (held !== undefined) bytes.push(chunk.toString("latin1"));
    });
    join(client, redis);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    hold: () => (held = []),
    holds: (word: string) => bytes.join("").includes(word),
    /** How often a word occurs in the held bytes. */
    count: (word: string) => bytes.join("").split(word).length - 1,
    release() {
      for (const go of held ?? []) go();
      held = undefined;
    },
    close: () => server.close(),
  };
}

function join(one: Socket, other: Socket): void {
  one.on("error", () => other.destroy()).on("close", () => other.destroy());
  other.on("error", () => one.destroy()).on("close", () => one.destroy());
}

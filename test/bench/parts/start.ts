import type { Part } from "../part.ts";
import { usage } from "../processes.ts";
import { startGateway } from "../start.ts";
import { spreadOf } from "../statistics.ts";

/** Measures how long a new process takes to be ready, and its memory then. */
export const start: Part = {
  name: "start",
  async *run({ options, upstream }) {
    const { rounds = 5 } = options;
    const starts: { ms: number; rss: number }[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const begun = performance.now();
      const gateway = await startGateway(upstream, { wait: false });
      await untilReady(`${gateway.adminUrl}/readyz`);
      starts.push({ ms: performance.now() - begun, rss: usage(gateway.pid).rss });
      await gateway.stop();
    }
    yield {
      title: "cold start",
      notes: [
        `From the start of the process to the first 200 of /readyz, which requires a response of the CMS; as the image runs it; median of ${rounds} [least-greatest].`,
      ],
      rows: [
        {
          subject: "gateway",
          "ready after, ms": spreadOf(starts.map(({ ms }) => ms)),
          "RSS MB": spreadOf(starts.map(({ rss }) => rss)),
        },
      ],
    };
  },
};

async function untilReady(url: string): Promise<void> {
  const until = performance.now() + 30_000;
  for (;;) {
    const status = await fetch(url).then(
      async (response) => {
        await response.arrayBuffer();
        return response.status;
      },
      () => 0,
    );
    if (status === 200) return;
    if (performance.now() > until) throw new Error(`${url} is not ready after 30 s: ${status}`);
    await new Promise((resolve) => void setTimeout(resolve, 3));
  }
}

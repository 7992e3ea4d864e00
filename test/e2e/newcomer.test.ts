import { spawn, type ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import t from "tap";
import { loadConfig } from "../../src/config/load.ts";
import { startCms } from "../support/cms/server.ts";
import { until } from "../support/until.ts";

/**
 * Somebody has a Payload, reads the README and does what it says: its commands are taken out of it and run as they
 * stand, only the CMS's address is theirs (and the ports are free ones, since other tests run at the same time).
 */

t.setTimeout(0);

const root = join(import.meta.dirname, "../..");
const readme = readFileSync(join(root, "README.md"), "utf8");
const PLACEHOLDER = "http://cms.internal:3000";

const cms = await startCms({ record: false });
t.teardown(() => cms.close());
const KEY = { authorization: `users API-Key ${cms.keys.partnerA}` };

/** The text below a heading of the README. */
function section(heading: string): string {
  const [, after = ""] = readme.split(`\n## ${heading}\n`);
  return after.split("\n## ")[0] ?? "";
}

/** The shell's lines in a section, with this CMS's address in the place of the README's. */
function commandsOf(heading: string): string[] {
  const blocks = [...section(heading).matchAll(/^```sh\n([^]*?)^```$/gm)].map(([, block = ""]) => block);
  return blocks
    .join("")
    .replaceAll("\\\n", "")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => line.replaceAll(PLACEHOLDER, cms.url));
}

/** Runs a line of the README; the process is npm's own, as a service manager would have it. Its group is killed at last. */
function run(command: string, env: Record<string, string> = {}): ChildProcessByStdio<null, Readable, null> {
  const child = spawn("sh", ["-c", `exec env ${command}`], {
    cwd: root,
    env: { PATH: process.env["PATH"], HOME: process.env["HOME"], PORT: "0", ADMIN_PORT: "0", ...env },
    stdio: ["ignore", "pipe", "inherit"],
    detached: true,
  });
  t.teardown(() => {
    try {
      process.kill(-(child.pid ?? 0), "SIGKILL");
    } catch {
      // Nobody of that group is left.
    }
  });
  return child;
}

t.test("the ports that the README names are those of a gateway that nobody configured", async (t) => {
  const { server } = loadConfig({ env: { UPSTREAM_URL: cms.url }, readFile: () => "" });
  t.match(section("Run it"), `listens on ${server.port}, with`);
  t.match(section("Run it"), `on http://127.0.0.1:${server.adminPort}.`);
});

t.test(
  "the README's line starts a gateway before a CMS that is there, and a partner reads through it",
  async (t) => {
    const commands = commandsOf("Run it");
    t.strictSame(commands, [`UPSTREAM_URL=${cms.url} npm start`]);
    const child = run(commands.join("\n"));
    const ended = once(child, "exit");
    const lines = createInterface({ input: child.stdout });
    const said = await new Promise<Record<string, unknown>>((resolve, reject) => {
      lines.on("line", (line) => {
        if (line.startsWith("{") && line.includes('"listening"')) resolve(JSON.parse(line));
      });
      void ended.then(([code]) => reject(new Error(`ended with ${String(code)} before it listened`)));
    });
    const gateway = `http://127.0.0.1:${String(said["port"])}`;
    const admin = `http://127.0.0.1:${String(said["adminPort"])}`;

    const read = await fetch(`${gateway}/partners/2026-02/tenant-a/posts?limit=3`, { headers: KEY });
    t.equal(read.status, 200);
    const { docs }: { docs: { id: number }[] } = JSON.parse(await read.text());
    const own = await cms.payload.find({
      collection: "posts",
      where: { id: { in: docs.map(({ id }) => id) } },
      depth: 0,
    });
    t.equal(docs.length, 3);
    t.strictSame(new Set(own.docs.map((doc) => doc["tenant"])), new Set([1]), "and they are that tenant's");

    t.equal((await fetch(`${gateway}/api/posts`, { headers: KEY })).status, 403, "there is no way past it");
    const paths = [...section("Run it").matchAll(/`(\/\w+)`/g)].map(([, path = ""]) => path);
    t.strictSame(paths.slice(0, 3), ["/livez", "/readyz", "/metrics"]);
    // Ready is from the first probe that the CMS answered.
    await until("/readyz to say yes", async () => (await fetch(`${admin}/readyz`)).ok);
    for (const path of ["/", ...paths.slice(0, 3)]) t.equal((await fetch(admin + path)).status, 200, path);

    // npm hands it on to what it started: a shell in between would die of it, and leave the gateway running.
    child.kill("SIGTERM");
    t.strictSame(await ended, [0, null], "and SIGTERM ends it");
    await t.rejects(fetch(`${admin}/livez`), "all of it");
  },
);

t.test("the README's check says that all is well, or what is not", async (t) => {
  const command = commandsOf("Ask it, prove it").find((line) => line.includes("check --live")) ?? "exit 99";
  const well = run(command, { UPSTREAM_URL: cms.url });
  const [said, [code]] = await Promise.all([text(well.stdout), once(well, "close")]);
  t.equal(code, 0, said);
  const nobody = run(command, { UPSTREAM_URL: "http://127.0.0.1:1" });
  const [, [failed]] = await Promise.all([text(nobody.stdout), once(nobody, "close")]);
  t.equal(failed, 1);
});

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
 * Follows the README like a new user with a Payload: runs the README's own commands unchanged, except for the
 * address of the CMS and free ports, because other tests run at the same time.
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

/** The shell commands of a section, with the test's CMS in place of the README's. */
function commandsOf(heading: string): string[] {
  const blocks = [...section(heading).matchAll(/^```sh\n([^]*?)^```$/gm)].map(([, block = ""]) => block);
  return blocks
    .join("")
    .replaceAll("\\\n", "")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => line.replaceAll(PLACEHOLDER, cms.url));
}

/**
 * Runs a line of the README in its own process group, as a service manager would run npm. The teardown kills
 * the group.
 */
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
      // The process group has already ended.
    }
  });
  return child;
}

t.test("the README names the default ports", async (t) => {
  const { server } = loadConfig({ env: { UPSTREAM_URL: cms.url }, readFile: () => "" });
  t.match(section("Run it"), `listens on ${server.port}, with`);
  t.match(section("Run it"), `on http://127.0.0.1:${server.adminPort}.`);
});

t.test(
  "the README's command starts a gateway for a running CMS, and a partner reads through it",
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
    t.strictSame(
      new Set(own.docs.map((doc) => doc["tenant"])),
      new Set([1]),
      "all records belong to that tenant",
    );

    t.equal(
      (await fetch(`${gateway}/api/posts`, { headers: KEY })).status,
      403,
      "the CMS is not reachable around the gateway",
    );
    const paths = [...section("Run it").matchAll(/`(\/\w+)`/g)].map(([, path = ""]) => path);
    t.strictSame(paths.slice(0, 3), ["/livez", "/readyz", "/metrics"]);
    // The gateway is ready after the first probe that the CMS answered.
    await until("/readyz to answer 200", async () => (await fetch(`${admin}/readyz`)).ok);
    for (const path of ["/", ...paths.slice(0, 3)]) t.equal((await fetch(admin + path)).status, 200, path);

    // npm forwards the signal to its child. A shell in between would exit and leave the gateway running.
    child.kill("SIGTERM");
    t.strictSame(await ended, [0, null], "SIGTERM ends it");
    await t.rejects(fetch(`${admin}/livez`), "every server has closed");
  },
);

t.test("the README's check command reports success, or what is wrong", async (t) => {
  const command = commandsOf("Ask it, prove it").find((line) => line.includes("check --live")) ?? "exit 99";
  const well = run(command, { UPSTREAM_URL: cms.url });
  const [said, [code]] = await Promise.all([text(well.stdout), once(well, "close")]);
  t.equal(code, 0, said);
  const nobody = run(command, { UPSTREAM_URL: "http://127.0.0.1:1" });
  const [, [failed]] = await Promise.all([text(nobody.stdout), once(nobody, "close")]);
  t.equal(failed, 1);
});

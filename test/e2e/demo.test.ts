import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import t from "tap";

const root = join(import.meta.dirname, "../..");
const hasCurl = spawnSync("curl", ["--version"]).status === 0;

/** The lines that the demo prints, up to its last one. */
async function startDemo(): Promise<{ lines: string[]; stop: () => Promise<number | null> }> {
  const child = spawn("npm", ["run", "--silent", "demo"], {
    cwd: root,
    env: { ...process.env, PORT: "0" },
    stdio: ["ignore", "pipe", "inherit"],
    detached: true,
  });
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line);
    if (line.startsWith("Ctrl-C")) break;
  }
  const stop = async (): Promise<number | null> => {
    const exit = once(child, "exit");
    process.kill(-(child.pid ?? 0), "SIGTERM");
    const [code]: (number | null)[] = await exit;
    return code ?? null;
  };
  return { lines, stop };
}

/**
 * Runs a printed line as a reader would, with curl. On a machine without curl, it parses the few options and
 * uses fetch.
 */
async function run(command: string): Promise<{ status: number; body: string }> {
  if (hasCurl) {
    const printed = spawnSync("sh", ["-c", command], { encoding: "utf8" }).stdout.trimEnd().split("\n");
    return { status: Number(printed.at(-1)), body: printed.slice(0, -1).join("\n") };
  }
  const words = [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? "");
  const after = (flag: string): string[] => words.flatMap((word, i) => (words[i - 1] === flag ? [word] : []));
  const [body] = after("-d");
  const response = await fetch(words.at(-1) ?? "", {
    method: after("-X")[0] ?? "GET",
    headers: after("-H").map((header): [string, string] => [
      header.split(": ")[0] ?? "",
      header.slice(header.indexOf(": ") + 2),
    ]),
    ...(body === undefined ? {} : { body }),
  });
  return { status: response.status, body: await response.text() };
}

t.setTimeout(0);

t.test("every command that npm run demo prints works as printed", async (t) => {
  const { lines, stop } = await startDemo();
  t.teardown(stop);
  const commands = lines.flatMap((line, i) =>
    line.startsWith("curl ") ? [[lines[i - 1] ?? "", line] as const] : [],
  );
  t.ok(commands.length >= 15, `${commands.length} lines`);
  for (const [comment, command] of commands) {
    const { status, body } = await run(command);
    t.equal(status, Number(/-> (\d+)$/.exec(comment)?.[1]), comment);
    const answer: unknown = JSON.parse(body);
    if (status >= 400)
      t.match(answer, { error: String, message: String, requestId: /^[0-9a-f-]{36}$/ }, comment);
  }
  const proof = lines.find((line) => line.startsWith("PROVE_KEY_A=")) ?? "exit 1";
  const { status, stdout } = spawnSync("sh", ["-c", proof], { cwd: root, encoding: "utf8" });
  t.equal(status, 0, stdout);
});

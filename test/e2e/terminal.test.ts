import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import t, { type Test } from "tap";
import { startCms } from "../support/cms/server.ts";
import { answerOf, startFaultyLine, type OnWire } from "../support/faults.ts";

/** The log of a gateway started by hand, on a terminal that `script` (Debian: bsdutils) opens. */

t.setTimeout(0);

const cms = await startCms({ record: false });
const line = await startFaultyLine(() => cms.port);
t.teardown(async () => {
  await line.close();
  await cms.close();
});

const POSTS = "/partners/2026-02/tenant-a/posts";
const STRANGER = "PLANTED-key-of-nobody";
const PASSWORD = "PLANTED-password";
/** Terminal escape sequences: a title, and a colour by one character of the C1 control set. */
const COMMANDS = "\u001b]0;owned\u0007\u009b31m";
// oxlint-disable-next-line no-control-regex -- a colour sequence begins with a control character
const COLOURS = /\u001b\[\d+m/g;
const main = join(import.meta.dirname, "../../src/main.ts");
const preload = join(import.meta.dirname, "../support/crash.ts");

interface Terminal {
  /** All text on the terminal so far. */
  readonly text: () => string;
  /** Resolves with the first match of `look`, once it is on the terminal. */
  until(look: RegExp): Promise<string>;
  readonly url: string;
  readonly signal: (name: NodeJS.Signals) => void;
  /** The exit code of the process on the terminal. */
  readonly ended: Promise<number | null>;
}

async function startOnTerminal(t: Test, env: Record<string, string>): Promise<Terminal> {
  // The shell prints its process id, which `exec` passes on to the gateway.
  const command = `echo "number $$"; exec '${process.execPath}' --import '${preload}' '${main}'`;
  const child = spawn("script", ["--quiet", "--return", "--command", command, "/dev/null"], {
    env: {
      PATH: process.env["PATH"],
      SHELL: "/bin/sh",
      TERM: "xterm-256color",
      UPSTREAM_URL: line.url,
      HOST: "127.0.0.1",
      PORT: "0",
      ADMIN_PORT: "0",
      ...env,
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (more: string) => (text += more));
  const ended = once(child, "close").then(([code]: (number | null)[]) => code ?? null);
  const until = async (look: RegExp): Promise<string> => {
    for (;;) {
      const found = look.exec(text.replaceAll(COLOURS, ""))?.[1];
      if (found !== undefined) return found;
      await Promise.race([
        once(child.stdout, "data"),
        ended.then((code) => Promise.reject(new Error(`ended with ${String(code)}: ${text}`))),
      ]);
    }
  };
  const pid = Number(await until(/number (\d+)/));
  t.teardown(async () => {
    if (child.exitCode === null) process.kill(pid, "SIGKILL");
    await ended;
  });
  return {
    text: () => text,
    until,
    url: `http://127.0.0.1:${await until(/"port":(\d+)[^\n]*\n/)}`,
    signal: (name) => void process.kill(pid, name),
    ended,
  };
}

const ask = async (terminal: Terminal, key: string): Promise<number> =>
  (await fetch(terminal.url + POSTS, { headers: { authorization: `users API-Key ${key}` } })).status;

t.test(
  "prints readable lines (time, level, message, fields) without secrets or escape sequences",
  async (t) => {
    const terminal = await startOnTerminal(t, {
      CRASH_TEXT: `failed: users API-Key ${STRANGER} redis://x:${PASSWORD}@h password=${PASSWORD} ${cms.keys.partnerA} ${COMMANDS}`,
    });
    t.equal(await ask(terminal, cms.keys.partnerA), 200);
    t.equal(await ask(terminal, STRANGER), 401);
    line.stage(complains);
    t.equal(await ask(terminal, cms.keys.partnerA), 500);
    await line.heal();
    terminal.signal("SIGUSR2");
    t.equal(await terminal.ended, 1);

    const text = terminal.text();
    const lines = text.trimEnd().split("\r\n").slice(1);
    for (const each of lines)
      t.match(each.replaceAll(COLOURS, ""), /^\[\d\d:\d\d:\d\d\.\d{3}\] [A-Z]+: [a-zA-Z ]+ \{"[^]*\}$/);
    t.match(text, "\u001b[32mINFO\u001b[39m: \u001b[36mlistening\u001b[39m ", "in colours");
    t.match(text, /"status":200/);
    t.match(text.replaceAll(COLOURS, ""), /WARN: request \{[^\n]*"status":500/);
    t.match(text.replaceAll(COLOURS, ""), /FATAL: uncaught exception \{"cause":/);
    for (const secret of [STRANGER, PASSWORD, cms.keys.partnerA]) t.notMatch(text, secret);
    t.match(text, "owned", "the text of the escape sequence is visible");
    // oxlint-disable-next-line no-control-regex -- the test searches for control characters
    t.notMatch(text.replaceAll(COLOURS, ""), /[\u0000-\u0009\u000b\u000c\u000e-\u001f\u007f-\u009f]/);
  },
);

t.test("NO_COLOR selects JSON lines, or, with readable lines requested, lines without colours", async (t) => {
  const json = await startOnTerminal(t, { NO_COLOR: "1" });
  t.match(json.text(), /\r\n\{"level":30,"time":"[^"]+Z","port":\d+,[^\r\n]*"msg":"listening"\}\r\n/);
  json.signal("SIGTERM");
  t.equal(await json.ended, 0);
  const file = join(t.testdir({ "gateway.yaml": "log: {format: pretty}\n" }), "gateway.yaml");
  const plain = await startOnTerminal(t, { NO_COLOR: "1", CONFIG_FILE: file });
  t.match(plain.text(), /\r\n\[\d\d:\d\d:\d\d\.\d{3}\] INFO: listening \{"port":\d+,/);
  t.notMatch(plain.text(), "\u001b");
  plain.signal("SIGTERM");
  t.equal(await plain.ended, 0);
});

/** A CMS whose error quotes the request and escape sequences. */
function complains({ gateway, head }: OnWire): void {
  const [, key = ""] = /authorization: (.*)/i.exec(head) ?? [];
  const body = JSON.stringify({ errors: [{ message: `${COMMANDS} ${key} password=${PASSWORD}` }] });
  gateway.write(answerOf("500 X", body, ["content-type: application/json"]));
}

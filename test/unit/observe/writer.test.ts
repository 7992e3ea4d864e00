import { execFileSync } from "node:child_process";
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import t, { type Test } from "tap";
import { LineWriter, MAX_BUFFERED_BYTES } from "../../../src/observe/writer.ts";
import { handClock } from "../../support/clock.ts";

const LINE_LENGTH = 1_000;
const line = (i: number): string => `${i}`.padEnd(LINE_LENGTH - 1, ".") + "\n";

/** A writer into a pipe. Only `read` reads it, and returns its contents. */
function piped(t: Test) {
  const folder = mkdtempSync(join(tmpdir(), "log-pipe-"));
  const path = join(folder, "pipe");
  execFileSync("mkfifo", [path]);
  const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  t.teardown(() => {
    closeSync(fd);
    rmSync(folder, { recursive: true });
  });
  const lost: unknown[] = [];
  const clock = handClock();
  const writer = new LineWriter({ fd, clock, onLost: (cause) => lost.push(cause) });
  const read = (): string => {
    const parts: string[] = [];
    const buffer = Buffer.alloc(65_536);
    for (;;) {
      try {
        parts.push(buffer.toString("utf8", 0, readSync(fd, buffer)));
      } catch {
        return parts.join("");
      }
    }
  };
  /** Reads and lets the writer retry until no data is left. */
  const readAll = (): string => {
    let text = "";
    for (let more = read(); more !== ""; more = read()) {
      text += more;
      clock.move(1_000);
    }
    return text;
  };
  return { writer, lost, clock, readAll };
}

/** Returns the numbers of the lines. */
const numbersOf = (text: string): number[] =>
  text
    .split("\n")
    .slice(0, -1)
    .map((one) => Number.parseInt(one, 10));

t.test("buffers lines while the reader stalls and writes them in order afterwards", async (t) => {
  const { writer, lost, clock, readAll } = piped(t);
  const numbers = Array.from({ length: 1_000 }, (_, i) => i);
  for (const i of numbers) writer.write(line(i));
  writer.flush();
  t.equal(clock.pending, 1, "one timer, however many lines there are");
  clock.move(1_000);
  t.equal(clock.pending, 1, "the retry is scheduled again");
  t.strictSame(numbersOf(readAll()), numbers);
  t.equal(clock.pending, 0);
  t.strictSame(lost, []);
});

t.test("loses lines over the buffer's limit and reports it once until a write succeeds", async (t) => {
  const { writer, lost, clock, readAll } = piped(t);
  const most = MAX_BUFFERED_BYTES / LINE_LENGTH;
  for (let round = 1; round <= 2; round += 1) {
    for (let i = 0; i < 2 * most; i += 1) writer.write(line(i));
    t.equal(lost.length, round);
    const written = readAll();
    t.ok(
      written.length <= MAX_BUFFERED_BYTES + 65_536 + LINE_LENGTH,
      "the buffer's limit and the pipe's own",
    );
    t.strictSame(
      numbersOf(written),
      Array.from({ length: written.length / LINE_LENGTH }, (_, i) => i),
    );
    // The last lines are still buffered.
    writer.flush();
    readAll();
    t.equal(clock.pending, 0);
  }
});

t.test("writes a line longer than the pipe completely", async (t) => {
  const { writer, readAll } = piped(t);
  const long = `${"x".repeat(200_000)}\n`;
  writer.write(long);
  writer.write(line(1));
  writer.flush();
  t.equal(readAll(), long + line(1));
});

t.test("flushSync writes as much as the pipe accepts and discards the rest", async (t) => {
  const { writer, lost, readAll, clock } = piped(t);
  for (let i = 0; i < 10; i += 1) writer.write(line(i));
  writer.flushSync();
  t.equal(numbersOf(readAll()).length, 10);
  t.strictSame(lost, []);
  for (let i = 0; i < 1_000; i += 1) writer.write(line(i));
  writer.flushSync();
  t.equal(lost.length, 1);
  const written = readAll();
  t.ok(written.length <= 65_536 + LINE_LENGTH);
  clock.move(1_000);
  t.equal(readAll(), "");
});

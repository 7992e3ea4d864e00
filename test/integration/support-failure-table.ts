import type { Test } from "tap";
import type { HandClock } from "../support/clock.ts";
import { drip, drips, type Fault, type FaultyLine } from "../support/faults.ts";
import type { TestGateway } from "../support/gateway.ts";
import { KEYS } from "../support/cms/keys.ts";
import { until } from "../support/until.ts";

/** The columns of the failure table. */

/** The text in the answers of the faulty upstream, which must never reach a partner. */
export const TEXT = "TEXT-OF-THE-FAULT";
// Native traffic uses the machine's clock, so a row shortens only the limit that it tests.
export const NATIVE = { firstByteTimeout: "1h", idleTimeout: "1h" };
export const SHORT = "100ms";
const NATIVE_PATH = "/api/posts/1";
/** The requests to the CMS with which a partner's three begin. The native request has its own timeout. */
export const PARTNERS = { count: 3, which: new RegExp(`^(?!GET ${NATIVE_PATH} )`) };
export const WRITE = { count: 1, which: /^PATCH / };

/** The answer in each column. `cut`: the connection ends within the answer. */
export interface Row {
  readonly name: string;
  readonly fault: Fault | "refuse";
  /** The status of a read with a cached key, and of a write that failed after its check succeeded. */
  readonly warm: number;
  readonly native: number | "cut" | "endless";
  /** The limit that ends the native request. */
  readonly nativeLimit?: keyof typeof NATIVE;
  /** If only a timeout ends a request: the step of the CMS or the line after which the clock moves. */
  readonly endsAfter?: "asked" | "answered";
  /** Whether a write that failed in this way has happened. */
  readonly written?: boolean;
}

interface Passing {
  readonly line: FaultyLine;
  readonly gateway: TestGateway;
  readonly clock: HandClock;
  readonly row: Row;
}

/**
 * Sends requests and resolves with their answers. If only a timeout ends them, the clock moves when the row's
 * fault holds `count` requests whose line matches `which`.
 */
export async function whileTimePasses<T>(
  { line, gateway, clock, row: { endsAfter, fault } }: Passing,
  { count, which }: { readonly count: number; readonly which: RegExp },
  send: () => Promise<T>,
): Promise<T> {
  const before = endsAfter === undefined ? 0 : line[endsAfter].length;
  const sent = send();
  if (endsAfter !== undefined) {
    const held = () => line[endsAfter].slice(before).filter((one) => which.test(one));
    await until(`${count} requests that the CMS has been ${endsAfter}`, () => held().length >= count);
    await roundTrip(gateway);
    clock.move(3_000);
    drip();
    await roundTrip(gateway);
    // A silent upstream reaches its own limit before the deadline. An endless answer reaches only the
    // deadline.
    clock.move(fault === drips ? 1_000 : 500);
  }
  return sent;
}

/** Sends a request that the gateway answers by itself. By then it has read everything sent to it before. */
export async function roundTrip({ url }: TestGateway): Promise<void> {
  const headers = { authorization: `users API-Key ${KEYS.partnerA}` };
  const answer = await fetch(`${url}/partners/1999-01/x/y`, { headers });
  await answer.text();
}

/** Asserts the error envelope, with a request id that is in the log and without any text of the CMS. */
export async function fails(
  t: Test,
  { gateway, answer, status, what }: { gateway: TestGateway; answer: Response; status: number; what: string },
): Promise<void> {
  const body = await answer.text();
  t.equal(answer.status, status, `${what}: ${status}`);
  t.notMatch(body, TEXT, what);
  const envelope: unknown = JSON.parse(body);
  const requestId = answer.headers.get("x-request-id");
  t.match(envelope, { error: String, message: String, requestId }, what);
  const logged = gateway
    .lines()
    .filter((entry) => entry["requestId"] === requestId && entry["msg"] === "request");
  t.equal(logged.length, 1, `${what}: one line in the log`);
  t.match(logged[0], { status, code: String }, `${what}: with the status of the answer`);
  t.ok(logged[0]?.["cause"], `${what}: with the cause`);
}

/** Resolves with true if a client can detect the fault, or has received exactly its Content-Length. */
async function isCut(answer: Response): Promise<boolean> {
  const body = await answer.text().catch(() => undefined);
  return body === undefined || body === "{}";
}

/**
 * Sends a native request under the fault. The upstream's answer must pass, and break off if it breaks off.
 */
export async function nativeRead(
  t: Test,
  { gateway, token, row }: { gateway: TestGateway; token: string; row: Row },
): Promise<void> {
  const what = "native request";
  const leaving = new AbortController();
  const sent = fetch(gateway.url + NATIVE_PATH, {
    headers: { authorization: token },
    signal: leaving.signal,
  });
  // The connection can be cut before the head is sent, which also tells the client that there is no answer.
  const answer = await sent.catch(() => undefined);
  if (row.native === "cut") {
    t.ok(answer === undefined || (await isCut(answer)), `${what}: a partial answer never looks complete`);
  } else if (answer === undefined) {
    t.fail(`${what}: no answer`);
  } else if (row.native === "endless") {
    t.equal(answer.status, 200, `${what}: an answer in progress is not stopped`);
    const reader = answer.body?.getReader();
    t.equal((await reader?.read())?.done, false, what);
    leaving.abort();
  } else {
    t.equal(answer.status, row.native, what);
    await answer.text();
  }
}

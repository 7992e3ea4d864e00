import type { Test } from "tap";
import type { HandClock } from "../support/clock.ts";
import { drip, drips, type Fault, type FaultyLine } from "../support/faults.ts";
import type { TestGateway } from "../support/gateway.ts";
import { KEYS } from "../support/cms/keys.ts";
import { until } from "../support/until.ts";

/** The columns of the failure table. */

/** What is in the answers of the CMS's stand-in, and must never reach a partner. */
export const TEXT = "TEXT-OF-THE-FAULT";
// Native traffic keeps the machine's time: a row shortens only the limit that it is about.
export const NATIVE = { firstByteTimeout: "1h", idleTimeout: "1h" };
export const SHORT = "100ms";
const NATIVE_PATH = "/api/posts/1";
/** The requests to the CMS that a partner's three begin with; the native one keeps time by itself. */
export const PARTNERS = { count: 3, which: new RegExp(`^(?!GET ${NATIVE_PATH} )`) };
export const WRITE = { count: 1, which: /^PATCH / };

/** What each column answers; `cut`: the connection ends within the answer. */
export interface Row {
  readonly name: string;
  readonly fault: Fault | "refuse";
  /** A read with a key that is remembered, and with that the write whose check got through and which itself failed. */
  readonly warm: number;
  readonly native: number | "cut" | "endless";
  /** The limit that ends the native request. */
  readonly nativeLimit?: keyof typeof NATIVE;
  /** Where only time ends a request: what the CMS or the line has done before it passes. */
  readonly endsAfter?: "asked" | "answered";
  /** Whether a write that failed so has happened. */
  readonly written?: boolean;
}

interface Passing {
  readonly line: FaultyLine;
  readonly gateway: TestGateway;
  readonly clock: HandClock;
  readonly row: Row;
}

/**
 * Sends requests and resolves with their answers. Where only time ends them, it passes when the row's fault holds `count`
 * requests whose line matches `which`.
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
    // Silence is ended by its own limit, before the deadline; an answer that drips by the deadline alone.
    clock.move(fault === drips ? 1_000 : 500);
  }
  return sent;
}

/** By the end of a request that the gateway answers by itself it has read all that had been sent to it before. */
export async function roundTrip({ url }: TestGateway): Promise<void> {
  const headers = { authorization: `users API-Key ${KEYS.partnerA}` };
  const answer = await fetch(`${url}/partners/1999-01/x/y`, { headers });
  await answer.text();
}

/** The envelope, under an id that the log knows, with nothing of the CMS's. */
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
  t.match(logged[0], { status, code: String }, `${what}: as it was answered`);
  t.ok(logged[0]?.["cause"], `${what}: with the reason`);
}

/** True where a client can tell that something is wrong, or has got exactly as much as the length said. */
async function isCut(answer: Response): Promise<boolean> {
  const body = await answer.text().catch(() => undefined);
  return body === undefined || body === "{}";
}

/** A native request under the fault: an answer of the CMS's stand-in is passed on, and breaks off where that does. */
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
  // The connection can be cut before the head has gone out: as good a way to say that there is no answer.
  const answer = await sent.catch(() => undefined);
  if (row.native === "cut") {
    t.ok(answer === undefined || (await isCut(answer)), `${what}: never a part as the whole`);
  } else if (answer === undefined) {
    t.fail(`${what}: no answer`);
  } else if (row.native === "endless") {
    t.equal(answer.status, 200, `${what}: what moves is let move`);
    const reader = answer.body?.getReader();
    t.equal((await reader?.read())?.done, false, what);
    leaving.abort();
  } else {
    t.equal(answer.status, row.native, what);
    await answer.text();
  }
}

import type { Clock } from "../../core/clock.ts";
import type { ErrorCode } from "../../core/errors.ts";
import type { NativeRequest } from "../../core/ports.ts";
import type { Rule } from "./guard.ts";

/** What went wrong with one native request, for the log. `cause` may hold text of the CMS: it never goes to a client. */
export interface NativeFailure {
  readonly requestId: string;
  readonly method: string;
  readonly code: ErrorCode;
  readonly cause: unknown;
}

/**
 * How a request ended. `refused`: the CMS has changed nothing. `settled`: it answered otherwise. `uncertain`: no answer came, or
 * one that leaves open whether the CMS has done, or may yet do, what was asked.
 */
export type NativeOutcome = "refused" | "settled" | "uncertain";

/**
 * What must be done before a request's answer is delivered, whatever it is. `isWhole` false: the answer has only begun, and
 * this is called once more. It must end in bounded time.
 */
export type Settle = (outcome: NativeOutcome, isWhole: boolean) => Promise<void>;

/** A request that was let through although a rule would have it refused. */
export interface Observed extends NativeRequest {
  readonly requestId: string;
  readonly code: ErrorCode;
  readonly reason: string;
}

/** TLS towards the CMS. */
export interface NativeTls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly servername?: string;
}

/** What the native proxy has to be told. Times are milliseconds. */
export interface NativeOptions {
  /** Times the wait for the CMS's answer. The idle times are those of sockets, which count by themselves. */
  readonly clock: Clock;
  /** The CMS's origins, `http:` or `https:`; at least one. */
  readonly targets: readonly URL[];
  /** The origin for the next request, of those in `targets`; one in `but` only where there is no other. */
  readonly pick: (but: ReadonlySet<string>) => string;
  /** For `https:`, PEM texts: whom to trust in place of the public authorities, what to show, which name to ask for. */
  readonly tls?: NativeTls;
  /** For the TCP connection to the CMS; longer is 504. */
  readonly connectTimeoutMs: number;
  /** A connection to the CMS is closed after so many milliseconds without a request; 4,000 where it is left out. */
  readonly idleMs?: number;
  /** The largest head of an answer of the CMS, in bytes; a larger one is 502. 16 KiB where it is left out. */
  readonly maxHeaderSize?: number;
  /** From the end of the request to the head of the answer; longer is 504. */
  readonly firstByteTimeoutMs: number;
  /** Without a byte moving in mid-upload or mid-answer; longer ends both connections. */
  readonly idleTimeoutMs: number;
  /** Folded names that only the gateway may assert; removed from every client request in every spelling. */
  readonly reservedNames: readonly string[];
  /** May this peer's `x-forwarded-*` be believed? Asked with the socket's address, IPv4 never in its IPv6 form. */
  readonly isTrustedPeer: (address: string) => boolean;
  /**
   * Asked about every request before it is forwarded. What it gives is called as soon as the outcome is known, and once
   * more at the end of an answer that was not complete by then: in the end once with `isWhole`.
   */
  readonly beforeAnswer?: (request: NativeRequest) => Settle | undefined;
  /** Rules that refuse nobody for the time being. */
  readonly observes?: ReadonlySet<Exclude<Rule, "message">>;
  /** Told of every request that one of these would have refused. Must not throw. */
  readonly onObserved?: (observed: Observed) => void;
  /** Told of every request when it is over: the status that its client got, 0 for none, 101 once it is a tunnel. */
  readonly onDone?: (status: number) => void;
  /** Told of every request that the gateway itself answered or cut off; not of clients that went away. */
  readonly onFailure: (failure: NativeFailure) => void;
}

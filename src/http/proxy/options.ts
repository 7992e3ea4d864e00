import type { Clock } from "../../core/clock.ts";
import type { ErrorCode } from "../../core/errors.ts";
import type { NativeRequest } from "../../core/ports.ts";
import type { GuardRule } from "./guard.ts";

/** A failed native request, for the log. `cause` may hold text of the CMS and is never sent to a client. */
export interface NativeFailure {
  readonly requestId: string;
  readonly method: string;
  readonly code: ErrorCode;
  readonly cause: unknown;
}

/**
 * The outcome of a request. `refused`: the CMS has changed nothing. `settled`: it gave any other answer.
 * `uncertain`: no answer came, or one that does not show whether the CMS has processed, or will process, the
 * request.
 */
export type NativeOutcome = "refused" | "settled" | "uncertain";

/**
 * Work that must finish before a request's answer is delivered, whatever the answer is. With `isWhole` false
 * the answer has only begun, and the function is called once more. It must end in bounded time.
 */
export type Settle = (outcome: NativeOutcome, isWhole: boolean) => Promise<void>;

/** A request that passed although a rule would have refused it. */
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

/** The settings and dependencies of the native proxy. Times in milliseconds. */
export interface NativeOptions {
  /** The timer for the CMS's answer. The idle timeouts use the sockets' own timers. */
  readonly clock: Clock;
  /** The CMS's origins, `http:` or `https:`; at least one. */
  readonly targets: readonly URL[];
  /**
   * Returns an origin of `targets` for the next request. An origin in `but` is returned only if there is no
   * other.
   */
  readonly pick: (but: ReadonlySet<string>) => string;
  /**
   * For `https:`, PEM texts: the trusted authorities in place of the public ones, the client certificate, the
   * server name.
   */
  readonly tls?: NativeTls;
  /** The timeout for the TCP connection to the CMS; 504 beyond it. */
  readonly connectTimeoutMs: number;
  /** The idle timeout of a connection to the CMS. The default is 4,000. */
  readonly idleMs?: number;
  /** The largest head of the CMS's answer, in bytes; 502 beyond it. The default is 16 KiB. */
  readonly maxHeaderSize?: number;
  /** The timeout from the end of the request to the head of the answer; 504 beyond it. */
  readonly firstByteTimeoutMs: number;
  /** The timeout without a byte during an upload or an answer; both connections are closed beyond it. */
  readonly idleTimeoutMs: number;
  /**
   * Folded names that only the gateway may set. They are removed from every client request in every spelling.
   */
  readonly reservedNames: readonly string[];
  /**
   * Returns true if the peer's `x-forwarded-*` may be trusted. `address` is the socket's; IPv4 is never in
   * its IPv6 form.
   */
  readonly isTrustedPeer: (address: string) => boolean;
  /**
   * Called for every request before it is forwarded. The returned function is called when the outcome is
   * known, and again at the end of an answer that was not complete by then. So its last call has `isWhole`
   * true.
   */
  readonly beforeAnswer?: (request: NativeRequest) => Settle | undefined;
  /** The rules that are only observed. */
  readonly observes?: ReadonlySet<Exclude<GuardRule, "framing">>;
  /** Called for every request that an observed rule would have refused. Must not throw. */
  readonly onObserved?: (observed: Observed) => void;
  /**
   * Called at the end of every request with the status that its client received: 0 for none, 101 for a
   * tunnel.
   */
  readonly onDone?: (status: number) => void;
  /**
   * Called for every request that the gateway itself answered or cut off, but not if the client disconnected.
   */
  readonly onFailure: (failure: NativeFailure) => void;
}

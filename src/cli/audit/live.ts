import { PAYLOAD_CHECKS, keyedProbe, type Ask } from "../../cms/payload/audit.ts";
import type { Config } from "../../config/schema.ts";
import { targetsOf } from "../../config/upstream.ts";
import { CATALOGUE } from "../../core/errors.ts";
import type { AuditFinding } from "../../core/finding.ts";
import { isObject } from "../../core/json.ts";
import type { Secret } from "../../core/secret.ts";
import { IDLE_CONNECTION_MS } from "../../http/proxy/connections.ts";
import type { Io } from "../io.ts";
import { Wire } from "../../prove/wire.ts";
import { idleTime } from "./idle.ts";
import { withheldSample } from "./withheld.ts";

/** The longest wait for the CMS to close an idle connection, in milliseconds. */
const LONGEST_IDLE_MS = 30_000;
/** The most requests of a whole audit to one origin. */
const MAX_REQUESTS = 300;

export interface LiveOptions {
  readonly config: Config;
  readonly key: Secret | undefined;
  /** True if the command runs on a partner's network, where the CMS must not answer. */
  readonly isOutside: boolean;
  /** The addresses that partners use: a gateway must answer there. */
  readonly publicOrigins: readonly URL[];
  readonly io: Io;
}

type Judgement = Omit<AuditFinding, "check">;

/** Audits the live CMS and the public addresses. Reads only. */
export async function auditLive(options: LiveOptions): Promise<AuditFinding[]> {
  const { config, key, isOutside, publicOrigins, io } = options;
  const stop = new AbortController();
  const unlisten = io.onStop(() => stop.abort());
  const open = (origin: URL) =>
    new Wire({ origin, connections: 2, maxRequests: MAX_REQUESTS, clock: io.clock, signal: stop.signal });
  const findings: AuditFinding[] = [];
  const look = async (check: string, run: () => Promise<Judgement>): Promise<void> => {
    io.progress(check);
    findings.push({ check, ...(await run().catch(unknown)) });
  };
  const wire = open(new URL(firstTarget(config)));
  try {
    for (const origin of publicOrigins) {
      const there = open(origin);
      await look(`public ${origin.origin}`, () => gatewayAt(config, askBy(there), origin));
      there.close();
    }
    const ask = askBy(wire);
    const { target, headers } = keyedProbe(config);
    const seen = await ask("GET", target, headers).catch(unknown);
    findings.push({ check: "cms.answers", ...judgeReach(seen, { url: firstTarget(config), isOutside }) });
    if ("severity" in seen || isOutside) return findings;
    await look("cms.keep-alive", () => keepAlive(options));
    for (const { check, run } of PAYLOAD_CHECKS) await look(check, () => run({ config, ask, key }));
    const isStopped = () => stop.signal.aborted;
    await look("cms.withheld", () => withheldSample({ config, ask, key, clock: io.clock, isStopped }));
    return findings;
  } finally {
    io.progress("");
    unlisten();
    wire.close();
  }
}

function askBy(wire: Wire): Ask {
  return async (method, target, headers = []) => wire.send({ method, target, headers });
}

function unknown(error: unknown): Judgement {
  return { severity: "unknown", seen: error instanceof Error ? error.message || error.name : String(error) };
}

/** Judges whether the CMS's answer, or the lack of one, is right for this network. */
function judgeReach(
  seen: Awaited<ReturnType<Ask>> | Judgement,
  { url, isOutside }: { url: string; isOutside: boolean },
): Judgement {
  if ("severity" in seen) {
    if (isOutside) return { severity: "ok", seen: `the CMS does not answer here (${seen.seen})` };
    return {
      severity: "high",
      seen: `the CMS at ${url} does not answer: ${seen.seen}`,
      change: "start it, or correct UPSTREAM_URL",
    };
  }
  if (isOutside)
    return {
      severity: "high",
      seen: `the CMS at ${url} answers on a partner's network: partners can bypass the gateway`,
      change: "let only the gateway reach the CMS: a firewall rule, a network policy, a private network",
    };
  return {
    severity: "note",
    seen: `the CMS at ${url} answers here without the gateway, as it must on the gateway's network`,
    change: "run audit --outside on a partner's network: there it must not answer",
  };
}

/**
 * Sends a request with a key to a public address: the gateway refuses it with its own message, a CMS answers
 * it.
 */
async function gatewayAt(config: Config, ask: Ask, origin: URL): Promise<Judgement> {
  const { target, headers } = keyedProbe(config);
  const { status, json } = await ask("GET", target, headers);
  const { message } = CATALOGUE["native.keyed"];
  if (status === 403 && isObject(json) && json["message"] === message)
    return { severity: "ok", seen: `the gateway answers at ${origin.origin}: a key is refused on ${target}` };
  if (isObject(json) && "user" in json)
    return {
      severity: "high",
      seen: `the CMS itself answers at ${origin.origin}: keys work there without the gateway`,
      change: "point that name at the gateway, and block all other access to the CMS",
    };
  return {
    severity: "medium",
    seen: `neither the gateway nor the CMS answers at ${origin.origin} (${status})`,
    change: "find out which server answers there, and route requests with a key to the gateway",
  };
}

/** Returns the first target of the default upstream. The CMS's processes are alike, so one stands for all. */
function firstTarget({ upstream }: Pick<Config, "upstream">): string {
  const [first = ""] = targetsOf(upstream);
  return first;
}

/** Measures when the CMS closes an idle connection, and compares that with the gateway's idle timeouts. */
async function keepAlive({ config: { upstream, ...config }, io }: LiveOptions): Promise<Judgement> {
  const origin = new URL(firstTarget({ upstream }));
  const longest = Math.max(upstream.keepAlive, IDLE_CONNECTION_MS);
  const wait = Math.min(longest + 1_000, LONGEST_IDLE_MS);
  const { target } = keyedProbe({ upstream, ...config });
  const head = `GET ${target} HTTP/1.1\r\nhost: ${origin.host}\r\nconnection: keep-alive\r\n\r\n`;
  const { ms, isClosed } = await idleTime(origin, { head, wait, clock: io.clock });
  const ours = `upstream.keepAlive ${upstream.keepAlive} ms, native traffic ${IDLE_CONNECTION_MS} ms`;
  if (!isClosed)
    return {
      severity: "ok",
      seen: `the CMS keeps idle connections longer than the gateway: over ${wait} ms (${ours})`,
    };
  const after = Math.round(ms);
  if (after > longest)
    return {
      severity: "ok",
      seen: `the CMS closes an idle connection after ${after} ms, later than the gateway (${ours})`,
    };
  return {
    severity: "medium",
    seen: `the CMS closes an idle connection after ${after} ms (${ours}): a request may meet a closing connection, which is an occasional 502`,
    change: `raise the keep-alive time of the CMS's server (Node: server.keepAliveTimeout) above ${longest} ms${after > IDLE_CONNECTION_MS ? ", or lower upstream.keepAlive" : ""}`,
  };
}

import type { Outgoing, UpstreamAnswer } from "../../core/context.ts";
import { GatewayError, type ErrorCode } from "../../core/errors.ts";
import { isObject } from "../../core/json.ts";
import type { LookupContext, Upstream } from "../../core/ports.ts";
import { readJson } from "./json.ts";
import { get, type Sender } from "./outgoing.ts";
import { detail } from "./refusal.ts";
import type { PayloadSettings } from "./settings.ts";

/** One question of the gateway's own: who asks, and the error that stands for "the CMS could not say". */
export interface AskedBy {
  readonly sender: Sender;
  readonly code: ErrorCode;
  /** True for a question with the gateway's own key: that the CMS refuses it is not the partner's doing. */
  readonly isOwnKey?: boolean;
}

/** Sends the gateway's own questions to Payload and reads the answers. */
export class Questions {
  readonly settings: PayloadSettings;
  readonly #upstream: Upstream;

  constructor(settings: PayloadSettings, upstream: Upstream) {
    this.settings = settings;
    this.#upstream = upstream;
  }

  /** The JSON object that answers a read of `what` (collection or path below it, query). Rejects with `code` without one. */
  async object(
    what: readonly [string, string],
    { sender, code, isOwnKey = false }: AskedBy,
    asking: LookupContext,
  ): Promise<Record<string, unknown>> {
    const answer = await this.send(get(this.settings, sender, what), code, asking);
    if (isOwnKey && isRefused(answer))
      throw new GatewayError(code, { cause: `the CMS answered ${answer.status} to cms.serviceKey` });
    return this.read(answer, code);
  }

  /** The records of the list that answers a read of `what`. Rejects with `code` where there is no list. */
  async docs(
    what: readonly [string, string],
    by: AskedBy,
    asking: LookupContext,
  ): Promise<readonly unknown[]> {
    return this.list(await this.object(what, by, asking), by.code);
  }

  /** Sends a question. A transport error rejects with `code` and is its cause. */
  async send(outgoing: Outgoing, code: ErrorCode, asking: LookupContext): Promise<UpstreamAnswer> {
    try {
      return await this.#upstream.send(outgoing, asking);
    } catch (cause) {
      // Whether the tenant has its share in use is not a thing that the CMS could not say. (Of a fact that others wait
      // for as well, it is.)
      const isOwnDoing = cause instanceof GatewayError && cause.code === "tenant.busy";
      if (asking.signal.aborted || (isOwnDoing && code === "document.unverifiable")) throw cause;
      throw new GatewayError(code, { cause });
    }
  }

  /** The JSON object of an answer. Throws `key.forbidden` where the CMS refuses its user, else `code` without an object. */
  read(answer: UpstreamAnswer, code: ErrorCode): Record<string, unknown> {
    if (isRefused(answer) && code !== "key.unverifiable")
      throw new GatewayError("key.forbidden", { cause: `the CMS answered ${answer.status}` });
    const body = readJson(answer);
    if (answer.status !== 200 || !isObject(body))
      throw new GatewayError(code, { cause: detail(answer, body) });
    return body;
  }

  /** The records of a list answer. Throws `code` where it holds none. */
  list(body: Record<string, unknown>, code: ErrorCode): readonly unknown[] {
    if (!Array.isArray(body["docs"])) throw new GatewayError(code, { cause: "no list in the CMS's answer" });
    return body["docs"];
  }
}

function isRefused({ status }: UpstreamAnswer): boolean {
  return status === 401 || status === 403;
}

/** `select` parameters that include these fields, each beginning with `&`. */
export function selecting(fields: readonly string[]): string {
  return fields.map((name) => `&${encodeURIComponent(`select[${name}]`)}=true`).join("");
}

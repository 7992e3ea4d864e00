import type { Outgoing, UpstreamAnswer } from "../../core/context.ts";
import { GatewayError, type ErrorCode } from "../../core/errors.ts";
import { isObject } from "../../core/json.ts";
import type { LookupContext, Upstream } from "../../core/ports.ts";
import { readJson } from "./json.ts";
import { get, type Sender } from "./outgoing.ts";
import { detail } from "./refusal.ts";
import type { PayloadSettings } from "./settings.ts";

/** The sender of one of the gateway's own lookups, and the error code for "the CMS could not answer". */
export interface AskedBy {
  readonly sender: Sender;
  readonly code: ErrorCode;
  /** True for a lookup with the gateway's own key: a refusal by the CMS is not the partner's fault. */
  readonly isOwnKey?: boolean;
}

/** Sends the gateway's own lookups to Payload and reads the answers. */
export class LookupClient {
  readonly settings: PayloadSettings;
  readonly #upstream: Upstream;

  constructor(settings: PayloadSettings, upstream: Upstream) {
    this.settings = settings;
    this.#upstream = upstream;
  }

  /**
   * Reads `what` (collection or path below it, query) and resolves with the JSON object. Rejects with `code`
   * if there is none.
   */
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

  /** Reads `what` and resolves with the records of the list. Rejects with `code` if there is no list. */
  async docs(
    what: readonly [string, string],
    by: AskedBy,
    asking: LookupContext,
  ): Promise<readonly unknown[]> {
    return this.list(await this.object(what, by, asking), by.code);
  }

  /** Sends a lookup. A transport error rejects with `code` and becomes its `cause`. */
  async send(outgoing: Outgoing, code: ErrorCode, asking: LookupContext): Promise<UpstreamAnswer> {
    try {
      return await this.#upstream.send(outgoing, asking);
    } catch (cause) {
      // `tenant.busy` means that the tenant's own share is in use, not that the CMS could not answer. For
      // lookups that other requests share, it does count as no answer.
      const isOwnDoing = cause instanceof GatewayError && cause.code === "tenant.busy";
      if (asking.signal.aborted || (isOwnDoing && code === "document.unverifiable")) throw cause;
      throw new GatewayError(code, { cause });
    }
  }

  /**
   * Returns the JSON object of an answer. Throws `key.forbidden` if the CMS refuses its user, and `code` if
   * there is no object.
   */
  read(answer: UpstreamAnswer, code: ErrorCode): Record<string, unknown> {
    if (isRefused(answer) && code !== "key.unverifiable")
      throw new GatewayError("key.forbidden", { cause: `the CMS answered ${answer.status}` });
    const body = readJson(answer);
    if (answer.status !== 200 || !isObject(body))
      throw new GatewayError(code, { cause: detail(answer, body) });
    return body;
  }

  /** Returns the records of a list answer. Throws `code` if it has no list. */
  list(body: Record<string, unknown>, code: ErrorCode): readonly unknown[] {
    if (!Array.isArray(body["docs"])) throw new GatewayError(code, { cause: "no list in the CMS's answer" });
    return body["docs"];
  }
}

function isRefused({ status }: UpstreamAnswer): boolean {
  return status === 401 || status === 403;
}

/** Builds `select` parameters that include these fields. Each begins with `&`. */
export function selecting(fields: readonly string[]): string {
  return fields.map((name) => `&${encodeURIComponent(`select[${name}]`)}=true`).join("");
}

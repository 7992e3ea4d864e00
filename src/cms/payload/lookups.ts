import { GatewayError, type ErrorCode } from "../../core/errors.ts";
import type { Identity, RecordId, TenantFacts, TenantRef, UpstreamAnswer } from "../../core/context.ts";
import type { Asking, RecordRef, Upstream, Viewer } from "../../core/ports.ts";
import { isObject } from "../../core/json.ts";
import { Secret } from "../../core/secret.ts";
import { isRecord, isSameId, relatedId } from "./ids.ts";
import { readJson } from "./json.ts";
import { get, type Sender } from "./outgoing.ts";
import { detail } from "./refusal.ts";
import type { PayloadSettings } from "./settings.ts";

const NOBODY = new Secret("partners-gateway-probe");

/**
 * The gateway's own questions to the CMS. Each has three answers: yes, no, and "could not be asked", which rejects and
 * is nobody's fault that a partner could mend.
 */
export class Lookups {
  readonly #settings: PayloadSettings;
  readonly #upstream: Upstream;
  readonly #serviceKey: Secret | undefined;

  constructor(settings: PayloadSettings, upstream: Upstream) {
    this.#settings = settings;
    this.#upstream = upstream;
    const { serviceKey } = settings.cms;
    this.#serviceKey = serviceKey === undefined ? undefined : new Secret(serviceKey);
  }

  /** Asks who a key that is nobody's belongs to: the least that a working CMS can answer, database included. */
  async probe(asking: Asking): Promise<void> {
    await this.identify(NOBODY, asking);
  }

  /**
   * Whose key it is. Payload 3.90 answers 200 to everybody: failure is `"user": null`, and only an API key's own user
   * counts (a user found in any other way is not the key's).
   */
  async identify(key: Secret, asking: Asking): Promise<Identity | undefined> {
    const { cms } = this.#settings;
    const body = await this.#ask(
      [`${cms.users}/me`, "depth=0"],
      { credential: key, code: "key.unverifiable" },
      asking,
    );
    if (!("user" in body))
      throw new GatewayError("key.unverifiable", { cause: "no user member in the CMS's answer" });
    const { user } = body;
    if (!isObject(user)) return undefined;
    const userId = relatedId(user);
    if (userId === undefined || user["collection"] !== cms.users || user["_strategy"] !== "api-key")
      return undefined;
    const held = this.#roles(user);
    return {
      userId,
      tenantIds: this.#memberships(user),
      allTenants: this.#settings.cms.allTenantsRoles.some((role) => held.includes(role)),
      roles: this.#settings.limitedRoles.filter((role) => held.includes(role)),
    };
  }

  /** The tenant of that name as the viewer sees it, with its group's shared collections and members. */
  async findTenant(ref: TenantRef, viewer: Viewer, asking: Asking): Promise<TenantFacts | undefined> {
    const { cms } = this.#settings;
    const credential = this.#serviceKey ?? viewer.credential;
    const where = ref.by === "id" ? { id: { equals: ref.id } } : { [cms.slugField]: { equals: ref.slug } };
    const fields = [cms.slugField, cms.appsField, cms.groupField];
    const query = `where=${encodeURIComponent(JSON.stringify(where))}&limit=2&pagination=false&depth=1${selecting(fields)}`;
    const asked = { credential, code: "tenant.unverifiable" } as const;
    const docs = this.#docs(await this.#ask([cms.tenants, query], asked, asking), asked.code);
    const [tenant] = docs;
    if (docs.length !== 1 || !isObject(tenant)) return undefined;
    const { [cms.slugField]: slug, [cms.appsField]: apps, [cms.groupField]: group } = tenant;
    const id = relatedId(tenant);
    const isNamed = ref.by === "id" ? isRecord(tenant, ref.id) : slug === ref.slug;
    if (id === undefined || typeof slug !== "string" || !isNamed) return undefined;
    const facts = { id, slug, installedApps: strings(apps) };
    const shared = isObject(group) ? strings(group[cms.sharedField]) : [];
    const groupId = relatedId(group);
    if (groupId === undefined || shared.length === 0) return facts;
    const memberIds = await this.#groupMembers(groupId, credential, asking);
    return {
      ...facts,
      group: {
        memberIds: [id, ...memberIds.filter((member) => !isSameId(member, id))],
        sharedCollections: shared,
      },
    };
  }

  /** True where the CMS says that this very record is this very tenant's: asked anew each time, never remembered. */
  async owns(record: RecordRef, sender: Required<Sender>, asking: Asking): Promise<boolean> {
    const { tenantField } = this.#settings.cms;
    const { id, collection, tenant } = record;
    const where = { and: [{ id: { equals: id } }, { [tenantField]: { equals: tenant.id } }] };
    const query = `where=${encodeURIComponent(JSON.stringify(where))}&limit=1&pagination=false&depth=0${selecting([tenantField])}`;
    const answer = await this.#send(
      get(this.#settings, sender, [collection, query]),
      "document.unverifiable",
      asking,
    );
    if (answer.status === 404)
      throw new GatewayError("route.unknown", { cause: `the CMS has no collection ${collection}` });
    const docs = this.#docs(this.#read(answer, "document.unverifiable"), "document.unverifiable");
    const [found] = docs;
    return isRecord(found, id) && isObject(found) && isSameId(relatedId(found[tenantField]), tenant.id);
  }

  async #groupMembers(groupId: RecordId, credential: Secret, asking: Asking): Promise<RecordId[]> {
    const { cms } = this.#settings;
    const where = { [cms.groupField]: { equals: groupId } };
    const query = `where=${encodeURIComponent(JSON.stringify(where))}&pagination=false&limit=0&depth=0${selecting([cms.slugField])}`;
    const asked = { credential, code: "tenant.unverifiable" } as const;
    const docs = this.#docs(await this.#ask([cms.tenants, query], asked, asking), asked.code);
    return docs.map((doc) => relatedId(doc)).filter((id) => id !== undefined);
  }

  #memberships(user: Record<string, unknown>): RecordId[] {
    const { membershipsField, membershipTenantField } = this.#settings.cms;
    const list = user[membershipsField];
    if (!Array.isArray(list)) return [];
    return list
      .map((membership: unknown) =>
        relatedId(isObject(membership) ? membership[membershipTenantField] : undefined),
      )
      .filter((id) => id !== undefined);
  }

  #roles(user: Record<string, unknown>): string[] {
    const roles = user[this.#settings.cms.rolesField];
    return strings(Array.isArray(roles) ? roles : [roles]);
  }

  async #ask(
    what: readonly [string, string],
    by: { credential: Secret; code: ErrorCode },
    asking: Asking,
  ): Promise<Record<string, unknown>> {
    const sender = { credential: by.credential, requestId: asking.requestId };
    const answer = await this.#send(get(this.#settings, sender, what), by.code, asking);
    return this.#read(answer, by.code);
  }

  /** A question that got no answer: `code` says which, the transport's own error is its cause. */
  async #send(
    outgoing: Parameters<Upstream["send"]>[0],
    code: ErrorCode,
    asking: Asking,
  ): Promise<UpstreamAnswer> {
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

  #read(answer: UpstreamAnswer, code: ErrorCode): Record<string, unknown> {
    const isRefusal = answer.status === 401 || answer.status === 403;
    if (isRefusal && code !== "key.unverifiable")
      throw new GatewayError("key.forbidden", { cause: `the CMS answered ${answer.status}` });
    const body = readJson(answer);
    if (answer.status !== 200 || !isObject(body))
      throw new GatewayError(code, { cause: detail(answer, body) });
    return body;
  }

  #docs(body: Record<string, unknown>, code: ErrorCode): readonly unknown[] {
    if (!Array.isArray(body["docs"])) throw new GatewayError(code, { cause: "no list in the CMS's answer" });
    return body["docs"];
  }
}

function selecting(fields: readonly string[]): string {
  return fields.map((name) => `&${encodeURIComponent(`select[${name}]`)}=true`).join("");
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === "string") : [];
}

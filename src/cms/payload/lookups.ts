import { GatewayError, type ErrorCode } from "../../core/errors.ts";
import type { Identity, RecordId, TenantFacts, TenantRef, UpstreamAnswer } from "../../core/context.ts";
import type { Asking, BodyRef, RecordRef, Upstream, Viewer } from "../../core/ports.ts";
import { isObject } from "../../core/json.ts";
import { readScope } from "../../core/scope.ts";
import { Secret } from "../../core/secret.ts";
import { inParts, isRecord, isSameId, relatedId } from "./ids.ts";
import { readJson } from "./json.ts";
import { get, type Sender } from "./outgoing.ts";
import { tenantCondition } from "./query.ts";
import { referencesIn, type Reference } from "./references.ts";
import { detail, isUnreadableCondition } from "./refusal.ts";
import type { PayloadSettings } from "./settings.ts";

/** References of one body, at the most. */
const MOST_REFERENCES = 1_000;

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

  /** See the port. One question for each collection and hundred records (fewer where their ids are long); one more where any was not found. */
  async outsiders(body: BodyRef, sender: Required<Sender>, asking: Asking): Promise<readonly string[]> {
    const { collection, tenant, fields } = body;
    const reading = { settings: this.#settings, numericIds: typeof tenant.id === "number" };
    const references = referencesIn(fields, collection, { ...reading, most: MOST_REFERENCES });
    if (references.length > MOST_REFERENCES) return [...new Set(references.map(({ path }) => path))];
    const found = await this.#inScope(references, sender, asking);
    const missing = references.filter(({ target, id }) => id === undefined || !found.has(`${target} ${id}`));
    if (missing.length === 0) return [];
    const held = body.id === undefined ? {} : await this.#held({ ...body, id: body.id }, sender, asking);
    const kept = new Set(referencesIn(held, collection, reading).map(({ path, id }) => `${path} ${id}`));
    return [...new Set(missing.filter(({ path, id }) => !kept.has(`${path} ${id}`)).map(({ path }) => path))];
  }

  /** Those of the references that the tenant may read, as `collection id`. */
  async #inScope(
    references: readonly Reference[],
    sender: Required<Sender>,
    asking: Asking,
  ): Promise<ReadonlySet<string>> {
    const found = new Set<string>();
    const ask = async (target: string, ids: readonly RecordId[]): Promise<void> => {
      const scope = tenantCondition(this.#settings, readScope(sender.tenant, target));
      const where = { and: [scope, { id: { in: ids } }] };
      const { tenantField } = this.#settings.cms;
      const query = `where=${encodeURIComponent(JSON.stringify(where))}&limit=${ids.length}&pagination=false&depth=0${selecting([tenantField])}`;
      const code = "document.unverifiable";
      const answer = await this.#send(get(this.#settings, sender, [target, query]), code, asking);
      // Without tenants a collection hides nothing from one: who may be pointed at is the CMS's affair.
      if (isUnreadableCondition(answer.status, readJson(answer)))
        for (const id of ids) found.add(`${target} ${id}`);
      else
        for (const doc of this.#docs(this.#read(answer, code), code))
          found.add(`${target} ${relatedId(doc)}`);
    };
    const questions: Promise<void>[] = [];
    for (const target of new Set(references.map((reference) => reference.target))) {
      const wanted = references.filter((reference) => reference.target === target).map(({ id }) => id);
      const ids = [...new Set(wanted)].filter((id) => id !== undefined);
      for (const some of inParts(ids)) questions.push(ask(target, some));
    }
    await Promise.all(questions);
    return found;
  }

  /** The declared relations of the tenant's record as they are, so that a record can be written back as it was read. */
  async #held(record: RecordRef, sender: Required<Sender>, asking: Asking): Promise<Record<string, unknown>> {
    const { collection, id, tenant } = record;
    const where = { and: [{ id: { equals: id } }, tenantCondition(this.#settings, [tenant.id])] };
    const names = Object.keys(this.#settings.cms.relations[collection] ?? {}).map(
      (path) => path.split(".")[0] ?? "",
    );
    const query = `where=${encodeURIComponent(JSON.stringify(where))}&limit=1&pagination=false&depth=0${selecting(names)}`;
    const code = "document.unverifiable";
    const answer = await this.#send(get(this.#settings, sender, [collection, query]), code, asking);
    const [held] = this.#docs(this.#read(answer, code), code);
    return isRecord(held, id) && isObject(held) ? held : {};
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

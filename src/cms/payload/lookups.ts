import { GatewayError } from "../../core/errors.ts";
import type { Identity, RecordId, TenantFacts, TenantRef } from "../../core/context.ts";
import type { LookupContext, NativeRequest, Viewer } from "../../core/ports.ts";
import { isObject } from "../../core/json.ts";
import { Secret } from "../../core/secret.ts";
import { isRecord, isSameId, relatedId } from "./ids.ts";
import { namesUser, senderLookup } from "./native-sender.ts";
import { LookupClient, selecting } from "./lookup-client.ts";
import type { PayloadSettings } from "./settings.ts";

const PROBE_KEY = new Secret("partners-gateway-probe");

/**
 * The largest number of memberships in the condition of a tenant lookup. With more, the URL would be longer
 * than the CMS accepts.
 */
const MOST_MEMBERSHIPS = 100;

/**
 * The gateway's own lookups in the CMS. Each has three outcomes: found, not found, and "the CMS could not
 * answer". The last one rejects, with an error that a partner cannot fix.
 */
export class Lookups {
  readonly #settings: PayloadSettings;
  readonly #questions: LookupClient;
  readonly #serviceKey: Secret | undefined;

  constructor(questions: LookupClient) {
    this.#settings = questions.settings;
    this.#questions = questions;
    const { serviceKey } = questions.settings.cms;
    this.#serviceKey = serviceKey === undefined ? undefined : new Secret(serviceKey);
  }

  /** Looks up a key that no user has. No cheaper request shows that the CMS works, database included. */
  async probe(asking: LookupContext): Promise<void> {
    await this.identify(PROBE_KEY, asking);
  }

  /**
   * Finds the user of a key; `undefined` if no user has it. Payload 3.90 always answers 200: a failure is
   * `"user": null`. Only a user whose `_strategy` is `api-key` counts, since Payload can find a user in other
   * ways.
   */
  async identify(key: Secret, asking: LookupContext): Promise<Identity | undefined> {
    const { cms } = this.#settings;
    const by = {
      sender: { credential: key, requestId: asking.requestId },
      code: "key.unverifiable",
    } as const;
    const body = await this.#questions.object([`${cms.users}/me`, "depth=0"], by, asking);
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

  /** Reports whether the sender of a native request is a user of the CMS. */
  async knowsSender(request: NativeRequest, asking: LookupContext): Promise<boolean> {
    const question = senderLookup(request, this.#settings);
    if (question === undefined) return false;
    const answer = await this.#questions.send(question, "key.unverifiable", asking);
    return namesUser(this.#questions.read(answer, "key.unverifiable"));
  }

  /**
   * Finds a tenant by id or slug as the viewer sees it, with the shared collections and members of its group.
   * The lookup's condition excludes foreign tenants, so a foreign and a missing tenant cost the CMS the same.
   */
  async findTenant(ref: TenantRef, viewer: Viewer, asking: LookupContext): Promise<TenantFacts | undefined> {
    const { cms } = this.#settings;
    const credential = this.#serviceKey ?? viewer.credential;
    const { tenantIds } = viewer;
    const named = ref.by === "id" ? { id: { equals: ref.id } } : { [cms.slugField]: { equals: ref.slug } };
    const isShort = tenantIds !== undefined && tenantIds.length <= MOST_MEMBERSHIPS;
    const where = isShort ? { and: [named, { id: { in: tenantIds } }] } : named;
    const fields = [cms.slugField, cms.appsField, cms.groupField];
    const query = `where=${encodeURIComponent(JSON.stringify(where))}&limit=2&pagination=false&depth=1${selecting(fields)}`;
    const docs = await this.#tenants(query, credential, asking);
    const [tenant] = docs;
    if (docs.length !== 1 || !isObject(tenant)) return undefined;
    const { [cms.slugField]: slug, [cms.appsField]: apps, [cms.groupField]: group } = tenant;
    const id = relatedId(tenant);
    const isNamed = ref.by === "id" ? isRecord(tenant, ref.id) : slug === ref.slug;
    if (id === undefined || typeof slug !== "string" || !isNamed) return undefined;
    if (tenantIds?.some((own) => isSameId(own, id)) === false) return undefined;
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

  async #groupMembers(groupId: RecordId, credential: Secret, asking: LookupContext): Promise<RecordId[]> {
    const { cms } = this.#settings;
    const where = { [cms.groupField]: { equals: groupId } };
    const query = `where=${encodeURIComponent(JSON.stringify(where))}&pagination=false&limit=0&depth=0${selecting([cms.slugField])}`;
    const docs = await this.#tenants(query, credential, asking);
    return docs.map((doc) => relatedId(doc)).filter((id) => id !== undefined);
  }

  /** Lists the tenants that match a query. */
  #tenants(query: string, credential: Secret, asking: LookupContext): Promise<readonly unknown[]> {
    const sender = { credential, requestId: asking.requestId };
    const by = { sender, code: "tenant.unverifiable", isOwnKey: this.#serviceKey !== undefined } as const;
    return this.#questions.docs([this.#settings.cms.tenants, query], by, asking);
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
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === "string") : [];
}

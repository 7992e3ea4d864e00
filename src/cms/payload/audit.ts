import type { Config } from "../../config/schema.ts";
import type { AuditFinding } from "../../core/finding.ts";
import { isObject } from "../../core/json.ts";
import { Secret } from "../../core/secret.ts";
import { relatedId } from "./ids.ts";
import { isUnreadableCondition } from "./refusal.ts";

/** An answer of the CMS, reduced to the parts that an audit reads. */
export interface Audited {
  readonly status: number;
  readonly json: unknown;
}

/** Sends a request to the CMS directly, bypassing every gateway. `headers` holds names and values in turn. */
export type Ask = (method: string, target: string, headers?: readonly string[]) => Promise<Audited>;

/** The inputs of an audit. Without a key, the checks that need one report `unknown`. */
export interface AuditOptions {
  readonly config: Config;
  readonly ask: Ask;
  readonly key: Secret | undefined;
}

type Judgement = Omit<AuditFinding, "check">;

/** A check of a live Payload. No check writes. */
export interface PayloadCheck {
  readonly check: string;
  readonly run: (options: AuditOptions) => Promise<Judgement>;
}

/** Builds a keyed request, which a gateway refuses and a CMS answers. The audit tells the two apart by it. */
export function keyedProbe({ cms }: Config): { target: string; headers: readonly string[] } {
  return {
    target: `${base(cms)}/${cms.users}/me?depth=0`,
    headers: ["authorization", `${cms.users} API-Key partners-gateway-audit`],
  };
}

/** The checks of a live Payload, in order. */
export const PAYLOAD_CHECKS: readonly PayloadCheck[] = [
  { check: "cms.users-closed", run: usersClosed },
  { check: "cms.key-leak", run: keyLeak },
  { check: "cms.tenant-headers", run: tenantHeaders },
  { check: "cms.stacks", run: stacks },
  { check: "cms.method-override", run: methodOverride },
  { check: "cms.collections", run: collections },
  { check: "cms.tenant-field", run: tenantFields },
  { check: "cms.reach", run: reach },
];

/** The result of a check that cannot run without a key. */
export const NEEDS_KEY: Judgement = { severity: "unknown", seen: "needs a partner's key: --key-env" };
/** The largest number of collections that a check requests. */
export const MANY = 60;

async function usersClosed({ config: { cms }, ask }: AuditOptions): Promise<Judgement> {
  const answer = await ask("GET", `${base(cms)}/${cms.users}?limit=1&depth=0`);
  return docsOf(answer).length > 0
    ? {
        severity: "high",
        seen: `${cms.users} can be listed without logging in`,
        change: `give ${cms.users} an access.read that requires a user`,
      }
    : { severity: "ok", seen: `${cms.users} cannot be listed without logging in (${answer.status})` };
}

/** Payload before 3.90 returns API keys in clear text: a user's own at `/me`, all in lists and relations. */
async function keyLeak({ config: { cms }, ask, key }: AuditOptions): Promise<Judgement> {
  if (key === undefined) return NEEDS_KEY;
  const headers = credential(cms, key);
  const me = await ask("GET", `${base(cms)}/${cms.users}/me?depth=0`, headers);
  const user = isObject(me.json) ? me.json["user"] : undefined;
  if (!isObject(user)) return { severity: "unknown", seen: "the CMS reports no user for the key" };
  const list = await ask("GET", `${base(cms)}/${cms.users}?limit=10&depth=0`, headers);
  const leaks = [user, ...docsOf(list)].some((one) => isObject(one) && typeof one["apiKey"] === "string");
  return leaks
    ? {
        severity: "high",
        seen: "the CMS returns API keys in clear text",
        change: "update Payload to 3.90 or newer, and give every partner a new key",
      }
    : { severity: "ok", seen: "the CMS returns users without API keys" };
}

/** Tests whether a tenant named in the gateway's headers changes the CMS's answer to the same key. */
async function tenantHeaders({ config, ask, key }: AuditOptions): Promise<Judgement> {
  if (key === undefined) return NEEDS_KEY;
  const { cms, partners } = config;
  const headers = credential(cms, key);
  const tenants = await tenantsSeen({ config, ask }, key);
  for (const collection of partners.collections.slice(0, MANY)) {
    const target = `${base(cms)}/${collection}?limit=20&depth=0&sort=id`;
    const plain = idsOf(await ask("GET", target, headers));
    if (plain === "" || plain !== idsOf(await ask("GET", target, headers))) continue;
    for (const tenant of tenants.filter(isObject)) {
      const byId = [partners.tenantIdHeader, String(relatedId(tenant))];
      const claim = [...byId, partners.tenantSlugHeader, String(tenant[cms.slugField])];
      if (idsOf(await ask("GET", target, [...headers, ...claim])) === plain) continue;
      return {
        severity: "high",
        seen: `the CMS answers differently if ${partners.tenantIdHeader} or ${partners.tenantSlugHeader} is sent (${collection})`,
        change:
          "let only the gateway reach the CMS: it trusts these headers, so any other client could choose its tenant",
      };
    }
    return tenants.length === 0
      ? { severity: "unknown", seen: "the key's user sees no tenant to name in the headers" }
      : { severity: "ok", seen: "a tenant named in the headers does not change the CMS's answers" };
  }
  return { severity: "unknown", seen: "the key's user sees no record of the exposed collections" };
}

async function tenantsSeen({ config: { cms }, ask }: Pick<AuditOptions, "config" | "ask">, key: Secret) {
  const target = `${base(cms)}/${cms.tenants}?limit=3&depth=0`;
  return docsOf(await ask("GET", target, credential(cms, key)));
}

/** Returns the slugs of a few tenants that the CMS shows to the key's user. */
export async function tenantSlugs(
  options: Pick<AuditOptions, "config" | "ask">,
  key: Secret,
): Promise<string[]> {
  const tenants = await tenantsSeen(options, key);
  return tenants.filter(isObject).map((tenant) => String(tenant[options.config.cms.slugField]));
}

async function stacks({ config: { cms }, ask, key }: AuditOptions): Promise<Judgement> {
  const headers = key === undefined ? [] : credential(cms, key);
  const nothing = encodeURIComponent('{"and":[null]}');
  const answers = [
    await ask("GET", `${base(cms)}/${cms.tenants}?limit=1&depth=0`),
    await ask("GET", `${base(cms)}/${cms.tenants}?limit=1&depth=0&where=${nothing}`, headers),
  ];
  return answers.some(({ json }) => hasStack(json))
    ? {
        severity: "medium",
        seen: "the CMS's errors carry stack traces",
        change:
          "remove debug: true from the Payload configuration: the gateway forwards native errors unchanged",
      }
    : { severity: "ok", seen: "no stack traces in the CMS's errors" };
}

/**
 * Payload executes a POST as a GET if a header says so. An anonymous POST to a path without a POST operation
 * writes nothing.
 */
async function methodOverride({ config: { cms }, ask }: AuditOptions): Promise<Judgement> {
  const target = `${base(cms)}/${cms.users}/me?depth=0`;
  const answer = await ask("POST", target, ["x-http-method-override", "GET", "content-length", "0"]);
  return answer.status === 200
    ? {
        severity: "note",
        seen: "the CMS honours X-HTTP-Method-Override; the Partners API never forwards it, native paths do",
        change: "do not let other filters in front of the CMS rely on the method",
      }
    : { severity: "ok", seen: "the CMS ignores X-HTTP-Method-Override" };
}

async function collections({ config: { cms, partners }, ask }: AuditOptions): Promise<Judgement> {
  const missing: string[] = [];
  for (const slug of partners.collections.slice(0, MANY)) {
    const { status } = await ask("GET", `${base(cms)}/${slug}?limit=1&depth=0`);
    if (status === 404) missing.push(slug);
  }
  return missing.length > 0
    ? {
        severity: "low",
        seen: `exposed, but missing in the CMS: ${missing.join(", ")}`,
        change: "remove them from partners.collections",
      }
    : { severity: "ok", seen: "the CMS has every exposed collection" };
}

/** Partners can create records in a collection without tenants, but then neither read nor change them. */
async function tenantFields({ config: { cms, partners }, ask, key }: AuditOptions): Promise<Judgement> {
  if (key === undefined) return NEEDS_KEY;
  const where = encodeURIComponent(JSON.stringify({ [cms.tenantField]: { exists: true } }));
  const without: string[] = [];
  for (const slug of partners.collections.slice(0, MANY)) {
    const target = `${base(cms)}/${slug}?limit=1&depth=0&where=${where}`;
    const { status, json } = await ask("GET", target, credential(cms, key));
    if (isUnreadableCondition(status, json)) without.push(slug);
  }
  return without.length > 0
    ? {
        severity: "medium",
        seen: `exposed, but without the field ${cms.tenantField}: ${without.join(", ")}; partners can create records there, but not read them`,
        change: "remove them from partners.collections; to populate them, list them in cms.openCollections",
      }
    : { severity: "ok", seen: `every exposed collection has the field ${cms.tenantField}` };
}

/** Reports permissions of the key's user in the CMS that no partner needs. */
async function reach({ config: { cms, partners }, ask, key }: AuditOptions): Promise<Judgement> {
  if (key === undefined) return NEEDS_KEY;
  const { json } = await ask("GET", `${base(cms)}/access`, credential(cms, key));
  const may = isObject(json) && isObject(json["collections"]) ? json["collections"] : undefined;
  if (may === undefined)
    return { severity: "unknown", seen: "the CMS does not report the permissions of the key" };
  const holds = (slug: string, action: string): boolean => isObject(may[slug]) && Boolean(may[slug][action]);
  const guarded = [cms.users, cms.tenants, cms.groups, ...cms.internal];
  const written = guarded.filter((slug) => ["create", "delete"].some((action) => holds(slug, action)));
  const own = new Set([...partners.collections, ...cms.openCollections, ...guarded]);
  const unexposed = Object.keys(may).filter(
    (slug) => !own.has(slug) && !slug.startsWith("payload-") && holds(slug, "read"),
  );
  if (written.length > 0)
    return {
      severity: "medium",
      seen: `the key's user may create or delete ${written.join(", ")}${unexposed.length > 0 ? `, and read ${unexposed.join(", ")}, which are not exposed` : ""}`,
      change: "remove these permissions from partners' users in the CMS: only the gateway prevents their use",
    };
  if (unexposed.length === 0)
    return { severity: "ok", seen: "the key's user reads exposed collections only" };
  return {
    severity: "note",
    seen: `the key's user also reads ${unexposed.join(", ")}, which are not exposed`,
    change:
      "expose them in partners.collections if partners need them; otherwise remove the read access in the CMS",
  };
}

function base({ apiPath }: Config["cms"]): string {
  return apiPath === "/" ? "" : apiPath;
}

/** Returns the header that carries an API key. */
export function credential(cms: Config["cms"], key: Secret): readonly string[] {
  return ["authorization", `${cms.users} API-Key ${Secret.reveal(key)}`];
}

function docsOf({ json }: Audited): readonly unknown[] {
  return isObject(json) && Array.isArray(json["docs"]) ? json["docs"] : [];
}

function idsOf(answer: Audited): string {
  return docsOf(answer)
    .map((doc) => String(relatedId(doc)))
    .join();
}

function hasStack(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(hasStack);
  return (
    isObject(value) && Object.entries(value).some(([name, inner]) => name === "stack" || hasStack(inner))
  );
}

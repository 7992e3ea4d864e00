import tap from "tap";

import type { KeyName } from "../support/cms/keys.ts";
import { idOf, PER_TENANT } from "../support/cms/seed.ts";
import {
  breaches,
  docsOf,
  faceOf,
  startSite,
  type Caller,
  type Law,
  type Reply,
} from "../support/isolation.ts";
import { differences, snapshotOf, type Snapshot } from "../support/snapshot.ts";
import { NAMINGS, type Naming } from "../support/namings.ts";
import { samplesOf } from "../support/scrape.ts";

// Every operation of every partner on every tenant's records, under every way to name a tenant.

const OPERATIONS = ["list", "read", "create", "PATCH", "PUT", "DELETE"] as const;
const TENANTS = [1, 2, 3, 4] as const;
const CALLERS: readonly KeyName[] = ["partnerA", "partnerB", "partnerC", "partnerD"];
/** A and B share events; posts are not shared. */
const COLLECTIONS = ["events", "posts"] as const;

type Operation = (typeof OPERATIONS)[number];
type Collection = (typeof COLLECTIONS)[number];

interface Case {
  readonly own: number;
  readonly owner: number;
  readonly collection: Collection;
  readonly naming: Naming;
  readonly operation: Operation;
}

const CASES: readonly Case[] = TENANTS.flatMap((own) =>
  TENANTS.flatMap((owner) =>
    COLLECTIONS.flatMap((collection) =>
      NAMINGS.flatMap((naming) =>
        OPERATIONS.map((operation) => ({ own, owner, collection, naming, operation })),
      ),
    ),
  ),
);

const UNRESOLVED = {
  error: "Tenant not found",
  message: "Unable to resolve tenant from provided headers or path",
};
const UNKNOWN = { error: "Not Found", message: "Document not found for tenant" };

const site = await startSite();
tap.teardown(() => site.close());

/** Reports whether the contract lets this request change anything. */
function changes({ own, owner, naming, operation }: Case): boolean {
  if (!naming.resolves || operation === "list" || operation === "read") return false;
  return operation === "create" || own === owner;
}

/** A tenant other than the caller's: the record's owner, or the next tenant if the caller owns the record. */
function otherOf({ own, owner }: Case): number {
  return owner === own ? (own % 4) + 1 : owner;
}

/** The tenants whose records of a collection this tenant may read, its own first. */
function scopeOf({ own, collection }: Pick<Case, "own" | "collection">): number[] {
  return collection === "events" && own < 3 ? [own, 3 - own] : [own];
}

function mayRead(at: Case): boolean {
  return scopeOf(at).includes(at.owner);
}

function titleOf({ operation, naming }: Case): string {
  return `${operation} by ${naming.by}`;
}

/** Sends a case. `other` is a tenant other than the caller's, and `id` is the record. */
async function send(caller: Caller, at: Case, { other, id }: { other: number; id: number }): Promise<Reply> {
  const { own, owner, collection, naming, operation } = at;
  const { path, id: idHeader, slug } = naming.as(own, other);
  const headers = {
    ...(idHeader === undefined ? {} : { "x-basker-tenant-id": idHeader }),
    ...(slug === undefined ? {} : { "x-basker-tenant-slug": slug }),
  };
  const base = `${path}/${collection}`;
  if (operation === "list") {
    return caller.ask("GET", `${base}?depth=0&limit=50&where[tenant][equals]=${owner}`, { headers });
  }
  if (operation === "read") return caller.ask("GET", `${base}/${id}?depth=0`, { headers });
  if (operation === "DELETE") return caller.ask("DELETE", `${base}/${id}?depth=0`, { headers });
  const body = { title: titleOf(at), startDate: "2031-01-01", tenant: owner };
  if (operation === "create") return caller.ask("POST", `${base}?depth=0`, { headers, body });
  return caller.ask(operation, `${base}/${id}?depth=0`, { headers, body });
}

/** The fault of an answer, or undefined. `twin` is the answer for a record or tenant that does not exist. */
function wrong(at: Case, reply: Reply, twin: Reply | undefined): string | undefined {
  const { own, owner, operation, naming } = at;
  const seen = `${reply.status} ${reply.text.slice(0, 200)}`;
  const refused = { ...(naming.resolves ? UNKNOWN : UNRESOLVED), requestId: reply.headers["x-request-id"] };
  if (twin !== undefined) {
    if (reply.status !== 404 || JSON.stringify(reply.json) !== JSON.stringify(refused)) return seen;
    return faceOf(reply) === faceOf(twin) ? undefined : `${faceOf(reply)} is not ${faceOf(twin)}`;
  }
  if (reply.status !== (operation === "create" ? 201 : 200)) return seen;
  const { tenant, title, totalDocs } = reply.json;
  if (operation === "list") {
    const docs = docsOf(reply);
    const isRight = docs.length === totalDocs && docs.every((doc) => doc["tenant"] === owner);
    return isRight && totalDocs === (mayRead(at) ? PER_TENANT : 0) ? undefined : seen;
  }
  if (tenant !== (operation === "read" ? owner : own)) return seen;
  return operation === "read" || operation === "DELETE" || title === titleOf(at) ? undefined : seen;
}

/** Sends a case, and its twin if the case must be refused. Resolves with the fault, or undefined. */
async function trial(caller: Caller, at: Case, nth: number): Promise<string | undefined> {
  const { own, owner, operation, naming } = at;
  const isRefused = !naming.resolves || (operation === "read" ? !mayRead(at) : owner !== own);
  const hasTwin = isRefused && !(naming.resolves && (operation === "list" || operation === "create"));
  const id = idOf(owner, nth);
  const other = otherOf(at);
  const reply = await send(caller, at, { other, id });
  const twin = hasTwin
    ? await send(caller, at, naming.resolves ? { other, id: 99_999 } : { other: 77, id })
    : undefined;
  const problem = wrong(at, reply, twin);
  return problem && `${titleOf(at)}, owner ${owner}: ${problem}`;
}

/** The rows that are not the caller's own records, their versions or their child rows. */
function foreign(rows: readonly string[], own: number): string[] {
  return rows.filter((row) => {
    const [, tenant] = /"(?:version_)?tenant_id":(\d+)/.exec(row) ?? [];
    const [, parent] = /"_?parent_id":(\d+)/.exec(row) ?? [];
    const owner = tenant ?? (parent === undefined ? undefined : Math.ceil(Number(parent) / PER_TENANT));
    // A new record's id follows the last tenant's ids, and only the caller creates records here.
    return owner === undefined || (Number(owner) !== own && Number(owner) <= 4);
  });
}

function countOf(snapshot: Snapshot, table: string, tenant: number): number {
  return [...(snapshot.get(table) ?? [])].filter((row) => row.includes(`"tenant_id":${tenant},`)).length;
}

for (const [index, key] of CALLERS.entries()) {
  const own = index + 1;
  const caller = site.as(key);
  for (const collection of COLLECTIONS) {
    const cases = CASES.filter((at) => at.own === own && at.collection === collection);
    const law: Law = { tenant: own, scope: scopeOf({ own, collection }), key };

    await tap.test(`${key} reads ${collection} in scope, and refused requests change nothing`, async (t) => {
      const before = await snapshotOf(site.cms);
      const problems: string[] = [];
      for (const [n, at] of cases.filter((each) => !changes(each)).entries()) {
        const problem = await trial(caller, at, 1 + (n % PER_TENANT));
        if (problem !== undefined) problems.push(problem);
      }
      t.strictSame(problems, []);
      t.strictSame(differences(before, await snapshotOf(site.cms)), []);
      t.strictSame(breaches(site.cms.takeRequests(), law), []);
    });

    await tap.test(`${key} writes its own ${collection}, and no other record changes`, async (t) => {
      const before = await snapshotOf(site.cms);
      const problems: string[] = [];
      const counts = { create: 0, DELETE: 0 };
      for (const at of cases.filter(changes)) {
        const { operation } = at;
        const nth = operation === "DELETE" ? PER_TENANT - counts.DELETE : 1;
        if (operation === "create" || operation === "DELETE") counts[operation] += 1;
        const problem = await trial(caller, at, nth);
        if (problem !== undefined) problems.push(problem);
      }
      const after = await snapshotOf(site.cms);
      t.strictSame(problems, []);
      t.strictSame(foreign(differences(before, after), own), []);
      t.strictSame(breaches(site.cms.takeRequests(), law), []);
      t.equal(countOf(after, collection, own), PER_TENANT + counts.create - counts.DELETE);
      await site.cms.reset();
    });
  }
}

await tap.test("the CMS sent no main record and no joined record outside the requested scope", async (t) => {
  t.strictSame(await samplesOf(site.gateway, "gateway_isolation_total"), {});
});

await tap.test("the table has every case", (t) => {
  t.comment(`${CASES.length} cases, ${CASES.filter(changes).length} of them writes that are carried out`);
  t.equal(CASES.length, 4 * 4 * 2 * 23 * 6);
  t.end();
});

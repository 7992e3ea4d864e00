import { crc32, deflateSync } from "node:zlib";

import type { Payload } from "payload";

import { USERS } from "./keys.ts";
import { withoutForeignKeys } from "./database.ts";

/** How many records a tenant has in pages, events, venues and posts. */
export const PER_TENANT = 24;
/** How many records a tenant has in media. */
export const MEDIA_PER_TENANT = 3;

/** The fixture's tenants. */
export const TENANTS = [
  { id: 1, letter: "A", slug: "tenant-a", installedApps: ["tickets", "newsletter"], group: 1 },
  { id: 2, letter: "B", slug: "tenant-b", installedApps: ["tickets"], group: 1 },
  { id: 3, letter: "C", slug: "tenant-c", installedApps: ["newsletter"], group: null },
  { id: 4, letter: "D", slug: "tenant-d", installedApps: [], group: null },
] as const;

type Tenant = (typeof TENANTS)[number];
type Row = Record<string, unknown>;
type Related = readonly { relationTo: string; value: number }[];

const OWNER: Record<Tenant["letter"], number> = {
  A: USERS.partnerA.id,
  B: USERS.partnerB.id,
  C: USERS.partnerC.id,
  D: USERS.partnerD.id,
};
const CITIES = ["Bergen", "Oslo", "Tromsø", "Stavanger"];

/** Deliberate references into another tenant, by id of the record. */
const FOREIGN_VENUE: Readonly<Record<number, number>> = { 2: 26, 3: 51, 52: 4 };
/**
 * An event of C's on A's stage, hosted by A's user. Payload would reject a further write of it, so no test
 * writes it.
 */
const MANY = 72;
const FOREIGN_HERO: Readonly<Record<number, number>> = { 3: 7 };
const FOREIGN_RELATED: Readonly<Record<number, Related>> = {
  2: [
    { relationTo: "events", value: 50 },
    { relationTo: "pages", value: 26 },
  ],
};

/** The id of a tenant's nth record (n from 1). */
export function idOf(tenant: number, n: number): number {
  return (tenant - 1) * PER_TENANT + n;
}

// Payload lists the newest first, so a later id has a later date.
function dates(id: number): { createdAt: string; updatedAt: string } {
  const at = new Date(Date.UTC(2026, 0, 1, 0, id)).toISOString();
  return { createdAt: at, updatedAt: at };
}

// Rows of arrays and blocks need ids, which Payload's hooks would otherwise create.
function rowId(kind: number, id: number): string {
  return `65000000${kind}${String(id).padStart(15, "0")}`;
}

function venue(tenant: Tenant, n: number): Row {
  return { title: `${tenant.letter} venue ${n}`, slug: `venue-${n}`, city: CITIES[(n - 1) % CITIES.length] };
}

function event(tenant: Tenant, n: number): Row {
  const id = idOf(tenant.id, n);
  return {
    title: `${tenant.letter} event ${n}`,
    slug: `event-${n}`,
    code: `${tenant.letter}-${String(n).padStart(3, "0")}`,
    startDate: new Date(Date.UTC(2030, n % 12, n + 1)).toISOString(),
    venue: FOREIGN_VENUE[id] ?? id,
    organiser: OWNER[tenant.letter],
    ...(id === MANY ? { stages: [4], hosts: [OWNER.A] } : {}),
    category: ((n - 1) % 3) + 1,
    location: { city: CITIES[(n - 1) % CITIES.length], zone: `zone-${n % 3}` },
    sessions_list: [{ id: rowId(1, id), label: `${tenant.letter} session ${n}` }],
    layout: [{ id: rowId(2, id), blockType: "quote", text: `${tenant.letter} quote ${n}` }],
  };
}

function page(tenant: Tenant, n: number): Row {
  const id = idOf(tenant.id, n);
  const hero = (tenant.id - 1) * MEDIA_PER_TENANT + ((n - 1) % MEDIA_PER_TENANT) + 1;
  return {
    title:
      n === 3
        ? { en: `${tenant.letter} page 3`, de: `${tenant.letter} Seite 3` }
        : { en: `${tenant.letter} page ${n}` },
    slug: `page-${n}`,
    content: `Content of page ${n} of tenant ${tenant.letter}`,
    hero: FOREIGN_HERO[id] ?? hero,
    related: FOREIGN_RELATED[id] ?? [{ relationTo: "events", value: id }],
    _status: n % 4 === 0 ? "draft" : "published",
  };
}

function post(tenant: Tenant, n: number): Row {
  return { title: `${tenant.letter} post ${n}`, text: `Text of post ${n} of tenant ${tenant.letter}` };
}

async function fill(
  payload: Payload,
  collection: string,
  row: (tenant: Tenant, n: number) => Row,
): Promise<void> {
  const versioned = Boolean(payload.collections[collection]?.config.versions);
  for (const tenant of TENANTS) {
    for (let n = 1; n <= PER_TENANT; n += 1) {
      const at = dates(idOf(tenant.id, n));
      const data = { ...row(tenant, n), tenant: tenant.id, ...at };
      const { id } = await payload.db.create({ collection, data });
      if (!versioned) continue;
      await payload.db.createVersion({
        autosave: false,
        collectionSlug: collection,
        parent: id,
        ...at,
        versionData: structuredClone(data),
      });
    }
  }
}

/**
 * Makes tenants, their group, and users with keys. Returns the id of each of `TENANTS`, by its number there.
 */
export async function tenancy(payload: Payload): Promise<ReadonlyMap<number, string | number>> {
  const north = { name: "North group", sharedCollections: ["events", "venues"], ...dates(1) };
  const groups = new Map<number | null, string | number | null>([[null, null]]);
  groups.set(1, (await payload.create({ collection: "tenant-groups", data: north })).id);
  const ids = new Map<number, string | number>();
  for (const { id, letter, slug, installedApps, group } of TENANTS) {
    const data = { name: `Tenant ${letter}`, slug, installedApps, group: groups.get(group), ...dates(id) };
    ids.set(id, (await payload.create({ collection: "tenants", data })).id);
  }
  for (const user of Object.values(USERS)) {
    const { name, email, password, roles, key } = user;
    const tenants = user.tenants.map((tenant) => ({
      id: rowId(3, user.id * 10 + tenant),
      tenant: ids.get(tenant),
    }));
    const data = {
      name,
      email,
      password,
      roles,
      tenants,
      enableAPIKey: true,
      apiKey: key,
      ...dates(user.id),
    };
    await payload.create({ collection: "users", data });
  }
  await payload.update({
    collection: "users",
    where: { email: { equals: USERS.disabled.email } },
    data: { enableAPIKey: false, ...dates(USERS.disabled.id) },
  });
  return ids;
}

async function shared(payload: Payload): Promise<void> {
  for (const [n, name] of ["Music", "Theatre", "Family"].entries()) {
    await payload.create({ collection: "categories", data: { name, ...dates(n + 1) } });
    await payload.create({
      collection: "secrets",
      data: { value: `secret-value-${n + 1}`, ...dates(n + 1) },
    });
  }
  await payload.updateGlobal({
    slug: "site-settings",
    data: { siteName: "Site", internalNote: "not for partners" },
  });
}

async function uploads(payload: Payload): Promise<void> {
  for (const { id: tenant, letter } of TENANTS) {
    const lower = letter.toLowerCase();
    for (let n = 1; n <= MEDIA_PER_TENANT; n += 1) {
      const bytes = png(tenant * 60, n * 80);
      const file = { data: bytes, mimetype: "image/png", name: `${lower}-${n}.png`, size: bytes.length };
      const data = {
        tenant,
        title: `${letter} media ${n}`,
        alt: `Alt ${n}`,
        ...dates((tenant - 1) * MEDIA_PER_TENANT + n),
      };
      await payload.create({ collection: "media", data, file });
    }
    const bytes = Buffer.from(`A note of tenant ${letter}.\n`.repeat(100));
    const file = { data: bytes, mimetype: "text/plain", name: `${lower}-note.txt`, size: bytes.length };
    await payload.create({
      collection: "files",
      data: { tenant, title: `${letter} note`, ...dates(tenant) },
      file,
    });
  }
}

function pngChunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, checksum]);
}

/** A picture of one pixel of the given colour. */
export function png(red: number, green: number): Buffer {
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  // A pixel, eight bits a channel, RGB.
  const header = pngChunk("IHDR", Buffer.from([0, 0, 0, 1, 0, 0, 0, 1, 8, 2, 0, 0, 0]));
  const pixel = pngChunk("IDAT", deflateSync(Buffer.from([0, red, green, 0])));
  return Buffer.concat([signature, header, pixel, pngChunk("IEND", Buffer.alloc(0))]);
}

/**
 * Fills an empty CMS. Bulk records go directly to Payload's database adapter, without hooks, which is ten
 * times as fast. Records that need hooks (passwords, keys, files) go through them. The order determines the
 * ids.
 */
export async function seed(payload: Payload): Promise<void> {
  // Page 2 references page 26, which is created later.
  await withoutForeignKeys(payload, async () => {
    await tenancy(payload);
    await shared(payload);
    await uploads(payload);
    await fill(payload, "venues", venue);
    await fill(payload, "events", event);
    await fill(payload, "pages", page);
    await fill(payload, "posts", post);
  });
}

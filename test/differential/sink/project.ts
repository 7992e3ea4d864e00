import type { CollectionConfig, Payload } from "payload";

import { tenantGroups, tenants, users } from "../../support/cms/collections.ts";
import { loadRichText } from "../../support/cms/payload.ts";
import type { Project } from "../../support/cms/project.ts";
import { png, tenancy } from "../../support/cms/seed.ts";
import { works } from "../../support/kitchen/hooks.ts";
import { SINK_FIELDS } from "./fields.ts";

const { lexicalEditor } = await loadRichText();

const signedIn = { read: ({ req }: { readonly req: { readonly user?: unknown } }) => Boolean(req.user) };

/** Every field type, drafts, trash, two languages. */
const sinks: CollectionConfig = {
  slug: "sinks",
  versions: { drafts: true },
  trash: true,
  fields: [...SINK_FIELDS],
};

const venues: CollectionConfig = {
  slug: "venues",
  orderable: true,
  folders: true,
  fields: [
    { name: "title", type: "text", required: true },
    { name: "slug", type: "text" },
    { name: "sinks", type: "join", collection: "sinks", on: "venue" },
    { name: "guests", type: "join", collection: "sinks", on: "venues" },
  ],
};

/** Versions without drafts, and a hook that writes to another collection. */
const notes: CollectionConfig = {
  slug: "notes",
  versions: true,
  hooks: {
    afterChange: [
      async ({ data, doc, operation, previousDoc, req }) => {
        // `doc` has only the fields that the request selected.
        const tenant = data["tenant"] ?? previousDoc.tenant;
        const entry = `${operation} ${String(data["text"])}`;
        await req.payload.create({ collection: "ledger", data: { tenant, entry }, req, depth: 0 });
        return doc;
      },
    ],
  },
  access: {
    // A rule that returns a condition, and one that reads the body.
    read: () => ({ text: { not_equals: "hidden" } }),
    update: ({ data }) => data?.["text"] !== "refused",
  },
  fields: [
    { name: "text", type: "text", required: true },
    { name: "venue", type: "relationship", relationTo: "venues" },
  ],
};

const ledger: CollectionConfig = { slug: "ledger", fields: [{ name: "entry", type: "text" }] };

const tags: CollectionConfig = {
  slug: "tags",
  access: signedIn,
  fields: [{ name: "name", type: "text", required: true }],
};

function media(dir: string): CollectionConfig {
  return {
    slug: "media",
    upload: { staticDir: `${dir}/media`, mimeTypes: ["image/png"] },
    fields: [{ name: "alt", type: "text" }],
  };
}

const TENANT_OWNED = ["sinks", "venues", "notes", "ledger", "media", "works"] as const;

/** The initial records of each sequence: some of the partner's own, and some of another tenant's. */
async function seed(payload: Payload): Promise<void> {
  const ids = await tenancy(payload);
  for (const name of ["loud", "quiet"]) await payload.create({ collection: "tags", data: { name } });
  for (const [number, letter] of [
    [1, "A"],
    [3, "C"],
  ] as const) {
    const tenant = ids.get(number);
    const bytes = png(number * 60, 80);
    const file = { data: bytes, mimetype: "image/png", name: `${letter}.png`, size: bytes.length };
    await payload.create({ collection: "media", data: { tenant, alt: letter }, file });
    const { id: venue } = await payload.create({
      collection: "venues",
      data: { tenant, title: `${letter} hall` },
    });
    await payload.create({ collection: "sinks", data: { tenant, title: `${letter} one`, venue } });
    await payload.create({ collection: "notes", data: { tenant, text: `${letter} note` } });
    await payload.create({ collection: "works", data: { tenant, title: `${letter} work` } });
  }
}

/** A Payload project with every feature, with text ids if the database can generate them. */
export function sinkProject(uuids: boolean): Project {
  return {
    name: uuids ? "sink-uuids" : "sink",
    tenantOwned: TENANT_OWNED,
    collections: (dir) =>
      [sinks, venues, notes, ledger, tags, media(dir), works, tenants, tenantGroups, users].map((one) => ({
        ...one,
        fields: [...one.fields],
      })),
    globals: () => [],
    uploads: ["media"],
    seed,
    sources: ["project.ts", "fields.ts", "../../support/kitchen/hooks.ts"].map(
      (name) => new URL(name, import.meta.url),
    ),
    uuids,
    config: { editor: lexicalEditor(), folders: {} },
  };
}

/** The gateway's settings for it, as an operator would declare them by the documentation. */
export const SINK_SETTINGS = {
  cache: { keyTtl: "1h", tenantTtl: "1h", absentTtl: "1h" },
  partners: { collections: [...TENANT_OWNED] },
  cms: {
    uploads: ["media"],
    openCollections: ["tags"],
    ownPaths: { sinks: ["place.city", "place.geo.zone", "seo.summary", "rows.label"] },
    relations: {
      sinks: {
        venue: "venues",
        venues: "venues",
        spot: "venues",
        tag: "tags",
        parent: "sinks",
        picture: "media",
        pictures: "media",
        "rows.venue": "venues",
        "parts.venue": "venues",
      },
      notes: { venue: "venues" },
    },
    plainFields: { sinks: ["data", "parts.data"] },
    joins: { venues: { sinks: "sinks", guests: "sinks" } },
    virtualFields: { sinks: { venueTitle: "venue.title", hostEmail: "host.email" } },
  },
};

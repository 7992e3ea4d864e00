import { reference, type Step, type Value } from "./steps.ts";

const upload: Value = {
  type: "upload",
  format: "",
  version: 2,
  id: "65f0c0ffee65f0c0ffee0001",
  fields: null,
  relationTo: "media",
  value: reference("media", 1),
};

const REFUSALS = [
  "public 400",
  "public 409",
  "public 422",
  "public 429",
  "forbidden",
  "locked",
  "missing",
  "validation",
  "error",
];

/** Sequences that once differed, each in its smallest form. */
export const CASES: readonly { readonly name: string; readonly steps: readonly Step[] }[] = [
  {
    name: "a published draft keeps the values written to it",
    steps: [
      { do: "create", in: "sinks", data: { title: "one" }, query: { draft: "true" } },
      { do: "update", in: "sinks", nth: 2, data: { title: "two", area: "text" }, query: { draft: "true" } },
      { do: "update", in: "sinks", nth: 2, data: { _status: "published" }, query: {} },
    ],
  },
  {
    name: "a partner's explicit publish publishes an editor's waiting draft",
    steps: [
      { do: "create", in: "sinks", data: { title: "one", _status: "published" }, query: {} },
      { do: "edit", in: "sinks", nth: 2, data: { title: "editor's" }, draft: true },
      { do: "update", in: "sinks", nth: 2, data: { _status: "published" }, query: {} },
    ],
  },
  {
    name: "an editor's draft stays unpublished unless the partner publishes",
    steps: [
      { do: "create", in: "sinks", data: { title: "one", _status: "published" }, query: {} },
      { do: "edit", in: "sinks", nth: 2, data: { title: "editor's" }, draft: true },
      { do: "update", in: "sinks", nth: 2, data: { hint: "small" }, query: {} },
      { do: "read", in: "sinks", nth: 2, query: { draft: "true" } },
    ],
  },
  {
    name: "trash and restore",
    steps: [
      { do: "update", in: "sinks", nth: 0, data: { deletedAt: "2026-05-01T00:00:00.000Z" }, query: {} },
      { do: "read", in: "sinks", nth: 0, query: {} },
      { do: "update", in: "sinks", nth: 0, data: { deletedAt: null }, query: {} },
      { do: "read", in: "sinks", nth: 0, query: {} },
    ],
  },
  {
    name: "at depth 0 a relation is the id in the record, whatever the key can read",
    steps: [
      {
        do: "update",
        in: "sinks",
        nth: 0,
        data: {
          rich: {
            root: { type: "root", format: "", indent: 0, version: 1, direction: "ltr", children: [upload] },
          },
        },
        query: { draft: "true" },
      },
      {
        do: "rewrite",
        in: "sinks",
        nth: 0,
        data: { hint: "new" },
        seen: { draft: "true" },
        query: { draft: "true" },
      },
    ],
  },
  {
    name: "a selection of a virtual field shows its relation, one without the relation not the field",
    steps: [
      { do: "read", in: "sinks", nth: 0, query: { "select[venueTitle]": "true" } },
      { do: "read", in: "sinks", nth: 0, query: { "select[venue]": "false" } },
      {
        do: "list",
        in: "sinks",
        query: { "select[venueTitle]": "true", depth: "0" },
        where: { venue: { exists: true } },
      },
      { do: "list", in: "sinks", query: { "select[venue]": "false" }, where: { venue: { exists: true } } },
    ],
  },
  {
    name: "the CMS decides about a selection that includes and excludes",
    steps: [
      { do: "read", in: "sinks", nth: 0, query: { "select[title]": "true", "select[venueTitle]": "false" } },
      {
        do: "read",
        in: "sinks",
        nth: 0,
        query: { "select[rows][label]": "true", "select[place][city]": "false" },
      },
      { do: "read", in: "sinks", nth: 0, query: { "select[venue]": "false", "select[place][city]": "true" } },
      {
        do: "update",
        in: "ledger",
        nth: 0,
        data: { entry: "x" },
        query: { "select[entry]": "false", "select[tenant]": "true" },
      },
    ],
  },
  {
    name: "the error for a rejected reference has the number of its row",
    steps: [
      {
        do: "update",
        in: "sinks",
        nth: 0,
        data: { parts: [{ blockType: "card" }, { blockType: "card", venue: reference("venues", 1) }] },
        query: {},
      },
    ],
  },
  {
    name: "every kind of rejection by a hook, on create and on update",
    steps: REFUSALS.flatMap((refusal): Step[] => [
      { do: "create", in: "works", data: { title: "new", refusal }, query: {} },
      { do: "update", in: "works", nth: 0, data: { refusal }, query: {} },
    ]),
  },
  {
    name: "a lock is compared with the latest draft, in the trash as well",
    steps: [
      { do: "edit", in: "sinks", nth: 0, data: { deletedAt: "2026-05-01T00:00:00.000Z" }, draft: true },
      { do: "update", in: "sinks", nth: 0, data: { _status: "published" }, query: {}, lock: "main" },
      { do: "read", in: "sinks", nth: 0, query: {} },
    ],
  },
  {
    name: "a draft in the trash can be published, and is missing until then",
    steps: [
      {
        do: "update",
        in: "sinks",
        nth: 0,
        data: { deletedAt: "2026-05-01T00:00:00.000Z" },
        query: { draft: "true" },
      },
      { do: "read", in: "sinks", nth: 0, query: { draft: "true" } },
      { do: "read", in: "sinks", nth: 0, query: {} },
      { do: "update", in: "sinks", nth: 0, data: { _status: "published" }, query: {} },
    ],
  },
  {
    name: "a lock holds for a record whose updatedAt a partner wrote as a day",
    steps: [
      { do: "create", in: "sinks", data: { title: "new", updatedAt: "2026-05-01" }, query: {} },
      { do: "update", in: "sinks", nth: 2, data: { hint: "x" }, query: {}, lock: "main" },
    ],
  },
  {
    name: "a lock on a draft holds until the next write",
    steps: [
      { do: "create", in: "sinks", data: { title: "one" }, query: { draft: "true" } },
      { do: "update", in: "sinks", nth: 2, data: { _status: "published" }, query: {}, lock: "latest" },
      { do: "edit", in: "sinks", nth: 2, data: { hint: "meanwhile" }, draft: true },
      { do: "update", in: "sinks", nth: 2, data: { hint: "late" }, query: { draft: "true" }, lock: "main" },
      {
        do: "update",
        in: "sinks",
        nth: 2,
        data: { hint: "in time" },
        query: { draft: "true" },
        lock: "latest",
      },
    ],
  },
  {
    name: "a page without a count is the requested page",
    steps: [
      { do: "create", in: "sinks", data: { title: "three" }, query: {} },
      { do: "list", in: "sinks", query: { pagination: "false", limit: "1", page: "2", sort: "id" } },
      { do: "list", in: "sinks", query: { pagination: "false", limit: "0", page: "2", sort: "id" } },
      { do: "list", in: "sinks", query: { pagination: "false", page: "2", sort: "id" } },
    ],
  },
  {
    name: "an update under a lock leaves the empty localized fields of rows unset",
    steps: [
      {
        do: "rewrite",
        in: "sinks",
        nth: 0,
        data: { parts: [{ blockType: "card", lines: [{}] }] },
        seen: {},
        query: {},
      },
      { do: "update", in: "sinks", nth: 2, data: {}, query: {}, lock: "main" },
    ],
  },
  {
    name: "an update that moves a record to the trash shows the virtual fields of the record",
    steps: [
      {
        do: "update",
        in: "sinks",
        nth: 0,
        data: { deletedAt: "2026-05-01T00:00:00.000Z" },
        query: { depth: "0" },
      },
    ],
  },
];

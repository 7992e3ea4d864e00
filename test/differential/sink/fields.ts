import type { Block, Field } from "payload";

/**
 * The fields of `sinks`: every type of Payload on SQL databases except points, which SQLite does not support.
 */

const quote: Block = {
  slug: "quote",
  fields: [
    { name: "text", type: "text", required: true, label: "What was said, word by word" },
    { name: "saidAt", type: "date" },
  ],
};

const card: Block = {
  slug: "card",
  labels: { singular: "Card, small", plural: "Cards" },
  fields: [
    { name: "venue", type: "relationship", relationTo: "venues" },
    { name: "data", type: "json" },
    { name: "createdAt", type: "date" },
    { name: "inner", type: "blocks", blocks: [quote] },
    { name: "lines", type: "array", fields: [{ name: "line", type: "text", localized: true }] },
  ],
};

const plain: Field[] = [
  { name: "title", type: "text", required: true, localized: true },
  { name: "code", type: "text", unique: true },
  { name: "short", type: "text", maxLength: 12 },
  { name: "words", type: "text", hasMany: true },
  { name: "area", type: "textarea" },
  { name: "mail", type: "email" },
  { name: "count", type: "number", min: -1000, max: 1_000_000 },
  { name: "counts", type: "number", hasMany: true },
  { name: "flag", type: "checkbox", defaultValue: true },
  { name: "at", type: "date" },
  { name: "choice", type: "select", options: ["red", "green"] },
  { name: "choices", type: "select", hasMany: true, options: ["red", "green", "blue"] },
  { name: "radio", type: "radio", options: ["on", "off"] },
  { name: "data", type: "json" },
  { name: "source", type: "code" },
  { name: "rich", type: "richText" },
];

const nested: Field[] = [
  {
    name: "place",
    type: "group",
    fields: [
      { name: "city", type: "text", localized: true },
      { name: "updatedAt", type: "date" },
      { name: "geo", type: "group", fields: [{ name: "zone", type: "text", maxLength: 5 }] },
    ],
  },
  {
    type: "tabs",
    tabs: [
      { name: "seo", fields: [{ name: "summary", type: "textarea" }] },
      { label: "More", fields: [{ name: "hint", type: "text" }] },
    ],
  },
  {
    type: "row",
    fields: [
      { name: "left", type: "text" },
      { type: "collapsible", label: "Folded", fields: [{ name: "right", type: "text" }] },
    ],
  },
  {
    name: "rows",
    type: "array",
    maxRows: 3,
    fields: [
      { name: "label", type: "text", required: true },
      { name: "createdAt", type: "date" },
      { name: "updatedAt", type: "date" },
      { name: "venue", type: "relationship", relationTo: "venues" },
      { name: "notes", type: "array", fields: [{ name: "note", type: "text" }] },
    ],
  },
  {
    name: "wordings",
    type: "array",
    localized: true,
    fields: [{ name: "wording", type: "text" }],
  },
  { name: "parts", type: "blocks", blocks: [quote, card] },
];

const related: Field[] = [
  { name: "venue", type: "relationship", relationTo: "venues" },
  { name: "venues", type: "relationship", relationTo: "venues", hasMany: true },
  { name: "spot", type: "relationship", relationTo: "venues", localized: true },
  { name: "any", type: "relationship", relationTo: ["venues", "tags"] },
  { name: "anys", type: "relationship", relationTo: ["venues", "sinks"], hasMany: true },
  { name: "tag", type: "relationship", relationTo: "tags" },
  { name: "parent", type: "relationship", relationTo: "sinks" },
  { name: "host", type: "relationship", relationTo: "users" },
  { name: "picture", type: "upload", relationTo: "media" },
  { name: "pictures", type: "upload", relationTo: "media", hasMany: true },
  { name: "venueTitle", type: "text", virtual: "venue.title" },
  { name: "hostEmail", type: "text", virtual: "host.email" },
];

/** Fields whose value or access depends on their own hooks and rules. */
const ruled: Field[] = [
  { name: "unseen", type: "text", access: { read: () => false } },
  { name: "fixed", type: "text", access: { update: () => false } },
  { name: "ownOnly", type: "text", access: { update: ({ id, doc }) => Boolean(id) && Boolean(doc) } },
  {
    name: "doubled",
    type: "text",
    virtual: true,
    hooks: { afterRead: [({ data }) => `${data?.["left"]}²`] },
  },
  {
    name: "history",
    type: "text",
    hooks: {
      beforeChange: [
        ({ operation, originalDoc, siblingData }) =>
          `${operation} ${String(originalDoc?.left)} ${String(siblingData["left"])}`,
      ],
    },
  },
];

export const SINK_FIELDS: readonly Field[] = [...plain, ...nested, ...related, ...ruled];

import * as fc from "fast-check";

import { moment, some, text, to, type Values } from "./shapes.ts";
import type { Value } from "./steps.ts";

/** Fields for conditions, of every collection. */
export const ASKED = [
  "title",
  "code",
  "words",
  "count",
  "counts",
  "flag",
  "at",
  "choice",
  "choices",
  "data",
  "rich",
  "place.city",
  "place.geo.zone",
  "seo.summary",
  "rows.label",
  "rows",
  "parts",
  "venue",
  "venues",
  "any",
  "tag",
  "host",
  "picture",
  "unseen",
  "venueTitle",
  "createdAt",
  "updatedAt",
  "deletedAt",
  "_status",
  "text",
  "entry",
  "alt",
  "nosuch",
  "tenant",
] as const;

/** Values to compare with. */
export const COMPARED: Values = fc.oneof(
  text,
  moment,
  fc.constantFrom<Value>(
    0,
    1,
    1.5,
    true,
    false,
    "red",
    "red,green",
    "c1",
    "draft",
    "published",
    "notadate",
    "true",
    null,
  ),
  to("venues", "sinks", "media", "tags"),
  some(fc.oneof(text, fc.constantFrom<Value>(1, "red")), 2),
);

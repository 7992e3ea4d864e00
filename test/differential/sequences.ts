import * as fc from "fast-check";

import { ASKED, COMPARED } from "./asked.ts";
import { ANCESTRY, BODIES } from "./values.ts";
import { reference, type Data, type Query, type Step, type Value } from "./steps.ts";

/** Sequences of requests as partners' programs send them, with an editor's writes in between. */

const COLLECTIONS = fc.oneof(
  { weight: 8, arbitrary: fc.constant("sinks") },
  { weight: 2, arbitrary: fc.constant("works") },
  { weight: 2, arbitrary: fc.constantFrom("venues", "notes") },
  { weight: 1, arbitrary: fc.constantFrom("media", "ledger") },
);
const OPERATORS = [
  "equals",
  "not_equals",
  "in",
  "not_in",
  "all",
  "exists",
  "contains",
  "like",
  "not_like",
  "greater_than",
  "greater_than_equal",
  "less_than",
  "less_than_equal",
] as const;

/** Most steps use the first record that the sequence creates. */
const nth = fc.oneof({ weight: 2, arbitrary: fc.nat({ max: 4 }) }, { weight: 3, arbitrary: fc.constant(2) });

/** Ids are only compared for equality: generated ids have a different order in each CMS. */
const byId: fc.Arbitrary<Value> = fc
  .tuple(fc.constantFrom("equals", "not_equals", "in", "not_in"), fc.nat({ max: 4 }))
  .map(([operator, number]) => ({ id: { [operator]: reference("sinks", number) } }));
const byField: fc.Arbitrary<Value> = fc
  .tuple(fc.constantFrom(...ASKED), fc.constantFrom(...OPERATORS), COMPARED)
  .map(([field, operator, value]) => ({ [field]: { [operator]: value } }));
const condition = fc.oneof({ weight: 9, arbitrary: byField }, { weight: 1, arbitrary: byId });

const where: fc.Arbitrary<Value> = fc.oneof(
  { weight: 4, arbitrary: condition },
  { weight: 1, arbitrary: fc.array(condition, { maxLength: 2 }).map((and) => ({ and })) },
  { weight: 1, arbitrary: fc.array(condition, { minLength: 1, maxLength: 2 }).map((or) => ({ or })) },
);

/** Some of these parameters, each seldom. */
function query(parameters: Readonly<Record<string, fc.Arbitrary<string>>>): fc.Arbitrary<Query> {
  return fc
    .subarray(Object.keys(parameters), { maxLength: 3 })
    .chain((names) =>
      fc.record<Record<string, string>>(
        Object.fromEntries(names.map((name) => [name, parameters[name] ?? fc.constant("")])),
      ),
    );
}

const flags = fc.constantFrom("true", "1", "false");
const shape = {
  depth: fc.constantFrom("0", "1", "2", "5", "x"),
  locale: fc.constantFrom("en", "de", "all", "xx"),
  fallbackLocale: fc.constantFrom("none", "de", "en"),
  draft: fc.constantFrom("true", "false"),
  "select[title]": flags,
  "select[venue]": flags,
  "select[rows][label]": flags,
  "select[place][city]": flags,
  "select[venueTitle]": flags,
  "select[tenant]": flags,
  "populate[venues][title]": flags,
  "populate[media][alt]": flags,
  unknown: fc.constant("1"),
};
const listed = {
  ...shape,
  limit: fc.constantFrom("1", "2", "0", "1000", "-1", "x"),
  page: fc.constantFrom("1", "2", "0", "x"),
  pagination: fc.constantFrom("false", "true"),
  sort: fc
    .tuple(fc.constantFrom("", "-"), fc.constantFrom(...ASKED))
    .map(([sign, field]) => `${sign}${field},createdAt`),
};
const written = { ...shape, draft: fc.constantFrom("true", "true", "false") };

/** The special members of a write: publishing, trash, the tenant, an optimistic lock. */
const extras: fc.Arbitrary<Data> = fc.oneof(
  { weight: 5, arbitrary: fc.constant<Data>({}) },
  { weight: 3, arbitrary: fc.constantFrom<Data>({ _status: "published" }, { _status: "draft" }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom<Data>(
      { deletedAt: "2026-05-01T00:00:00.000Z" },
      { deletedAt: null },
      { tenant: 3 },
      { "tenant.id": 3 },
      { tenant: null },
      { id: 77 },
    ),
  },
);

function body(collection: string): fc.Arbitrary<Data> {
  const fields = BODIES[collection] ?? fc.constant({});
  return fc.tuple(fields, extras).map(([data, more]) => ({ ...data, ...more }));
}

/** A body that seldom lacks a required field. */
function whole(collection: string): fc.Arbitrary<Data> {
  const required: Data = collection === "notes" ? { text: "new" } : { title: "new" };
  const older = collection === "sinks" ? ANCESTRY : fc.constant({});
  return fc
    .tuple(fc.boolean(), body(collection), older)
    .map(([isBare, data, more]) => (isBare ? data : { ...required, ...data, ...more }));
}

const steps = (collection: string): fc.Arbitrary<Step> => {
  const at = { in: fc.constant(collection), nth };
  const step = <D extends Step["do"]>(name: D): fc.Arbitrary<D> => fc.constant(name);
  return fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        do: step("create"),
        in: fc.constant(collection),
        data: whole(collection),
        query: query(written),
      }),
    },
    {
      weight: 8,
      arbitrary: fc.record(
        {
          do: step("update"),
          ...at,
          data: body(collection),
          query: query(written),
          put: fc.boolean(),
          lock: fc.constantFrom("main" as const, "latest" as const, "latest" as const, "old" as const),
        },
        { requiredKeys: ["do", "in", "nth", "data", "query"] },
      ),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        do: step("rewrite"),
        ...at,
        data: body(collection),
        seen: query(shape),
        query: query(written),
      }),
    },
    { weight: 4, arbitrary: fc.record({ do: step("read"), ...at, query: query(shape) }) },
    {
      weight: 4,
      arbitrary: fc.record(
        {
          do: step("list"),
          in: fc.constant(collection),
          query: query(listed),
          where,
          brackets: fc.constant(true),
        },
        { requiredKeys: ["do", "in", "query"] },
      ),
    },
    { weight: 1, arbitrary: fc.record({ do: step("delete"), ...at }) },
    {
      weight: 3,
      arbitrary: fc.record({ do: step("edit"), ...at, data: body(collection), draft: fc.boolean() }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constantFrom("move" as const, "erase" as const), ...at }) },
  );
};

/** A published record with an editor's waiting draft, the state with the most faults so far. */
const waiting = fc
  .record({ hint: fc.constant("published"), draft: fc.boolean() })
  .map(({ hint, draft }): Step[] => [
    { do: "create", in: "sinks", data: { title: "page", hint, _status: "published" }, query: {} },
    { do: "edit", in: "sinks", nth: 2, data: { title: "editor's", left: "draft" }, draft },
  ]);

/** A sequence, mostly for one collection, so that its steps interact. */
export const SEQUENCES: fc.Arbitrary<readonly Step[]> = COLLECTIONS.chain((collection) => {
  const rest = fc.array(
    fc.oneof({ weight: 6, arbitrary: steps(collection) }, { weight: 1, arbitrary: COLLECTIONS.chain(steps) }),
    { minLength: 1, maxLength: 7, size: "max" },
  );
  const first = collection === "sinks" ? fc.oneof(fc.constant<Step[]>([]), waiting) : fc.constant<Step[]>([]);
  return fc.tuple(first, rest).map(([before, after]) => [...before, ...after]);
});

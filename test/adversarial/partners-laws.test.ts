// Attack: random queries and bodies.
// Amplifier: a list of known attacks is finite; the input that a parser accepts is not.
// Defence: the rules hold for generated input, which includes the dangerous words.
import * as fc from "fast-check";
import tap from "tap";

import { bodyFor } from "../../src/cms/payload/body.ts";
import { readQuery } from "../../src/cms/payload/client-query.ts";
import { listQuery, readOneQuery, writeQuery } from "../../src/cms/payload/query.ts";
import { payloadSettings } from "../../src/cms/payload/settings.ts";
import { loadConfig } from "../../src/config/load.ts";
import { mint } from "../../src/core/brand.ts";
import type { Tenant } from "../../src/core/context.ts";
import {
  breaches,
  FIXTURE_SETTINGS,
  isJson,
  objectOf,
  startSite,
  type Json,
  words,
} from "../support/isolation.ts";

const settings = payloadSettings(
  loadConfig({
    env: { UPSTREAM_URL: "http://cms.invalid", CONFIG_FILE: "settings" },
    readFile: () => JSON.stringify(FIXTURE_SETTINGS),
  }),
);
const RUNS = { numRuns: 2000 };
const group = { memberIds: [1, 2], sharedCollections: ["events", "venues"] };
const tenant = mint<Tenant>({ id: 1, slug: "tenant-a", installedApps: [], group });
const WORDS = words(`
  and or AND Or tenant tenant.id tenant__slug venue.tenant venue__tenant events id title location.city equals in
  not_equals exists like $ne __proto__ constructor hash apiKey where 0 toString prototype tenant[id] organiser.email
  version.tenant
`);
const OWN = new Set(["id", "tenant", "title", "location.city", "location.zone"]);

const word = fc.oneof(fc.constantFrom(...WORDS, "", " "), fc.string({ maxLength: 8 }));
const leaf = fc.oneof(
  fc.constantFrom(1, 2, 3, "1", "3", null, true, "", "x"),
  fc.string({ maxLength: 4 }),
  fc.double(),
);
const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    leaf,
    fc.array(tie("tree"), { maxLength: 3 }),
    fc.array(fc.tuple(word, tie("tree")), { maxLength: 3 }).map((entries) => Object.fromEntries(entries)),
  ),
}));
/**
 * A condition as a valid client would write it, so that the gateway does not reject every generated one at
 * once.
 */
const { honest } = fc.letrec<{ honest: unknown }>((tie) => ({
  honest: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc
      .tuple(
        fc.constantFrom(...OWN, "venue__tenant", "events"),
        fc.constantFrom("equals", "in", "like", "exists"),
        fc.oneof(leaf, tree, tie("honest")),
      )
      .map(([field, operator, operand]) => ({ [field]: { [operator]: operand } })),
    fc
      .tuple(fc.constantFrom("and", "or", "AND", "oR"), fc.array(tie("honest"), { maxLength: 3 }))
      .map(([connective, list]) => ({ [connective]: list })),
    fc.tuple(tie("honest"), tie("honest")).map(([one, other]) => ({ ...Object(one), ...Object(other) })),
  ),
}));
const scopes = fc.uniqueArray(fc.integer({ min: 1, max: 99 }), { minLength: 1, maxLength: 3 });

/** A value in brackets, as qs would serialise it. */
function bracketed(value: unknown, name: string): string[] {
  if (typeof value !== "object" || value === null) return [`${name}=${encodeURIComponent(String(value))}`];
  return Object.entries(value).flatMap(([key, inner]) =>
    bracketed(inner, `${name}[${encodeURIComponent(key)}]`),
  );
}

const parameter = fc.oneof(
  fc.oneof(tree, honest).map((value) => `where=${encodeURIComponent(JSON.stringify(value) ?? "")}`),
  fc.oneof(tree, honest).map((value) => bracketed(value, "where").join("&")),
  fc
    .tuple(fc.constantFrom("select", "populate", "joins", "sort", "where", "limit", "depth"), tree)
    .map(([name, value]) => bracketed(value, name).join("&")),
  fc
    .tuple(fc.constantFrom("sort", "locale", "draft", "page", "x"), word)
    .map(([name, value]) => `${name}=${value}`),
  fc.string({ maxLength: 20 }),
);
const query = fc
  .array(parameter, { maxLength: 4 })
  .map((parameters) => parameters.join("&").replaceAll("#", ""));

/** The rule that a condition below the constraint breaks, or undefined. */
function unlawful(where: unknown): string | undefined {
  if (!isJson(where)) return "not an object";
  const entries = Object.entries(where);
  if (entries.length > 1) return "two members side by side, of which Payload may use only the last";
  for (const [name, content] of entries) {
    if (name !== "and" && name !== "or")
      return isFieldAllowed(name) && isJson(content) ? questionIn(content) : `compares ${name}`;
    if (!Array.isArray(content)) return `${name} is not a list`;
    return content.map(unlawful).find((problem) => problem !== undefined);
  }
  return undefined;
}

/** The first operand that could be a nested query, as a problem. */
function questionIn(conditions: Json): string | undefined {
  const isScalar = (value: unknown): boolean => typeof value !== "object" || value === null;
  const odd = Object.values(conditions).find(
    (operand) => !isScalar(operand) && !(Array.isArray(operand) && operand.every(isScalar)),
  );
  return odd === undefined ? undefined : `compares with ${JSON.stringify(odd)}`;
}

function isFieldAllowed(name: string): boolean {
  return (
    !settings.secretFields.has(name) &&
    name !== "events" &&
    !name.includes("__") &&
    (OWN.has(name) || !name.includes("."))
  );
}

const KNOWN =
  /^(?:where|limit|depth|page|pagination|sort|locale|fallback-locale|draft|(?:select|populate)\[[^&=]*\]|joins\[events\]\[where\]\[tenant\]\[in\])$/;

/**
 * Returns the `where` of a query to the CMS. Throws unless there is exactly one and every parameter is known.
 */
function whereOf(sent: string): Json {
  const parameters = new URLSearchParams(sent);
  const names = [...parameters.keys()];
  if (new Set(names).size !== names.length) throw new Error(`a duplicate parameter: ${sent}`);
  for (const name of names) if (!KNOWN.test(name)) throw new Error(`an unknown parameter: ${name}`);
  return objectOf(parameters.get("where") ?? "");
}

await tap.test("for any query, the scope comes first and the rest below the same `and`", (t) => {
  let narrowed = 0;
  fc.assert(
    fc.property(query, scopes, (asked, scope) => {
      const { and, ...others } = whereOf(listQuery(readQuery(asked), "venues", { settings, tenant, scope }));
      const [first, ...rest]: unknown[] = Array.isArray(and) ? and : [];
      if (rest.length > 0 && JSON.stringify(rest) !== '[{"id":{"in":[]}}]') narrowed += 1;
      const isScoped = JSON.stringify([first, others]) === JSON.stringify([{ tenant: { in: scope } }, {}]);
      return isScoped && rest.length <= 1 && rest.every((condition) => unlawful(condition) === undefined);
    }),
    RUNS,
  );
  t.ok(narrowed > 20, `${narrowed} of the queries were accepted conditions`);
  t.end();
});

await tap.test("for any query beside an id, the CMS is asked for that record in that scope", (t) => {
  fc.assert(
    fc.property(query, scopes, fc.integer({ min: 1 }), (asked, scope, id) => {
      const where = whereOf(readOneQuery(readQuery(asked), "venues", { settings, tenant, scope, id }));
      // A write has no where at all.
      const none = whereOf(writeQuery(readQuery(asked), "pages", settings));
      const expected = [{ and: [{ id: { equals: id } }, { tenant: { in: scope } }] }, {}];
      return JSON.stringify([where, none]) === JSON.stringify(expected);
    }),
    RUNS,
  );
  t.end();
});

await tap.test("any body is stamped with one tenant and no other member that could be read as one", (t) => {
  const key = fc.oneof(
    fc.constantFrom("tenant", "tenant.id", "tenant[id]", "__proto__", "title", "id", "url"),
    word,
  );
  const text = fc.array(fc.tuple(key, tree)).map((entries) => {
    const members = entries.map(
      ([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value) ?? "null"}`,
    );
    return `{${members.join(",")}}`;
  });
  const target = fc.record({
    collection: fc.constantFrom("posts", "media"),
    tenantId: fc.oneof(fc.integer({ min: 1 }), fc.stringMatching(/^[0-9a-f]{24}$/)),
    isNew: fc.boolean(),
  });
  fc.assert(
    fc.property(text, target, (body, { collection, tenantId, isNew }) => {
      const fields = objectOf(body);
      const stamped = objectOf(bodyFor(fields, { collection, tenantId, isNew }, settings));
      const names = Object.keys(stamped);
      const isStamped = isNew ? stamped["tenant"] === tenantId : !Object.hasOwn(stamped, "tenant");
      const isOdd = names.some((name) => /[.[\]]|^__proto__$/.test(name) || (!isNew && name === "id"));
      const isFact = collection === "media" && names.includes("url");
      // Harmless members stay unchanged.
      const isKept = JSON.stringify(stamped["title"]) === JSON.stringify(fields["title"]);
      return isStamped && !isOdd && !isFact && isKept;
    }),
    RUNS,
  );
  t.end();
});

await tap.test("the same rules hold for the requests that the CMS receives", async (t) => {
  const site = await startSite();
  t.teardown(() => site.close());
  const a = site.as("partnerA");
  await fc.assert(
    fc.asyncProperty(query, async (asked) => {
      const reply = await a.ask("GET", `tenant-a/pages?${encodeURI(asked)}`);
      t.strictSame(breaches(site.cms.takeRequests(), { tenant: 1, scope: [1], key: "partnerA" }), []);
      return ![2, 3, 4].some((other) => reply.text.includes(`"tenant":${other}`));
    }),
    { numRuns: 200 },
  );
});

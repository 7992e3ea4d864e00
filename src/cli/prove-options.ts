import { isObject } from "../core/json.ts";
import { PLACEHOLDER } from "../prove/ledger.ts";
import type { PartySpec } from "../prove/material.ts";
import { BLOCKS } from "../prove/matrix.ts";
import type { ProveOptions } from "../prove/prove.ts";
import type { Doc, Id } from "../prove/world.ts";
import { UsageError, type Flags, type ParsedArguments } from "./command.ts";
import type { Io } from "./io.ts";

/** The published collections. The run detects which of them are exposed. */
const COLLECTIONS = "pages,blogs,posts,events,people,works,venues,series,seasons,organizations,media,files";

/** The flags of `prove`. */
export const FLAGS = {
  gateway: { type: "string", value: "url", help: "origin of the gateway; no other host is contacted" },
  version: { type: "string", value: "name", help: "API version (2026-02)" },
  "tenant-a": { type: "string", value: "slug", help: "one tenant" },
  "tenant-b": {
    type: "string",
    value: "slug",
    help: "the other tenant; each key's user must be a member of its own tenant only",
  },
  "key-a": {
    type: "string",
    value: "key",
    help: "A's key; PROVE_KEY_A is safer, since process lists show flags",
  },
  "key-b": { type: "string", value: "key", help: "B's key; PROVE_KEY_B is safer" },
  "id-a": { type: "string", value: "id", help: "A's tenant id (by default read from its documents)" },
  "id-b": { type: "string", value: "id", help: "B's tenant id" },
  collections: {
    type: "string",
    value: "a,b",
    help: "collections to try (default: the published ones that are exposed)",
  },
  shared: {
    type: "string",
    value: "a,b",
    help: "collections that the two tenants' group shares for reading",
  },
  write: {
    type: "boolean",
    help: "also create, change and delete records of its own; needs --samples and --yes",
  },
  samples: {
    type: "string",
    value: "file",
    help: `JSON: a valid body for each collection, with ${PLACEHOLDER} in one of its texts`,
  },
  yes: { type: "boolean", help: "confirm the writes to that system" },
  only: { type: "string", value: "a,b", help: `blocks to run: ${BLOCKS.map(({ name }) => name).join(", ")}` },
  thorough: {
    type: "boolean",
    help: "run every trick on every collection, not on one each: several times the cases",
  },
  concurrency: { type: "string", value: "n", help: "requests at the same time (8)" },
  "max-requests": { type: "string", value: "n", help: "most requests in all (100000)" },
  users: {
    type: "string",
    value: "slug",
    help: "users collection, the first word of the Authorization header (users)",
  },
  "tenant-field": {
    type: "string",
    value: "name",
    help: "the field of a document that names its tenant (tenant)",
  },
  "id-header": { type: "string", value: "name", help: "header with a tenant's id (x-basker-tenant-id)" },
  "slug-header": {
    type: "string",
    value: "name",
    help: "header with a tenant's slug (x-basker-tenant-slug)",
  },
  bail: { type: "boolean", help: "stop at the first case that does not hold" },
  json: { type: "boolean", help: "print one JSON document instead of the table" },
} as const satisfies Flags;

/** Reads and validates the options. Throws a `UsageError` with every problem. */
export function readOptions(given: ParsedArguments, io: Io): ProveOptions {
  const problems: string[] = [];
  const origin = originOf(given.text("gateway"), problems);
  const parties = [partyOf("A", given, io), partyOf("B", given, io)] as const;
  for (const { side, slug, key } of parties) {
    if (slug === "") problems.push(`--tenant-${side.toLowerCase()} is needed: the slug of a tenant`);
    if (key === "")
      problems.push(`PROVE_KEY_${side} (or --key-${side.toLowerCase()}) is needed: a key of tenant ${side}`);
    else if (!/^[!-~]+$/.test(key))
      problems.push(`the key of tenant ${side} contains blanks or non-ASCII characters`);
  }
  if (parties[0].slug !== "" && parties[0].slug === parties[1].slug)
    problems.push("the two tenants must be different");
  if (parties[0].key !== "" && parties[0].key === parties[1].key)
    problems.push("the two keys must be different");
  const writes = given.has("write");
  if (writes && !given.has("yes"))
    problems.push("--write creates and deletes records on that system: add --yes");
  const samples = samplesOf(given.text("samples"), io, problems);
  if (writes && samples.size === 0) problems.push("--write needs --samples with at least one collection");
  const only = list(given.text("only"));
  for (const name of only)
    if (!BLOCKS.some((block) => block.name === name)) problems.push(`--only ${name}: there is no such block`);
  const workers = count(given.text("concurrency") ?? "8", "--concurrency", problems);
  const maxRequests = count(given.text("max-requests") ?? "100000", "--max-requests", problems);
  const collections = list(given.text("collections") ?? COLLECTIONS);
  for (const name of [...collections, ...samples.keys()])
    if (!/^[a-z0-9][a-z0-9-]*$/.test(name))
      problems.push(`${name}: a collection is lower-case and hyphenated`);
  if (problems.length > 0) throw new UsageError(problems.join("\n  "));
  const names = {
    version: given.text("version") ?? "2026-02",
    idHeader: given.text("id-header") ?? "x-basker-tenant-id",
    slugHeader: given.text("slug-header") ?? "x-basker-tenant-slug",
    tenantField: given.text("tenant-field") ?? "tenant",
    users: given.text("users") ?? "users",
  };
  const chosen = BLOCKS.filter(({ name }) => only.length === 0 || only.includes(name));
  const blocks = chosen.filter((block) => writes || !block.writes);
  if (blocks.length === 0) throw new UsageError("these blocks write: add --write --samples … --yes");
  return {
    origin,
    spec: {
      names,
      parties,
      collections,
      shared: list(given.text("shared")),
      isThorough: given.has("thorough"),
      samples: writes ? samples : new Map(),
    },
    blocks,
    workers,
    maxRequests,
    isJson: given.has("json"),
    writes,
    bails: given.has("bail"),
  };
}

function originOf(text: string | undefined, problems: string[]): URL {
  const url = text === undefined ? null : URL.parse(text);
  if (
    url !== null &&
    /^https?:$/.test(url.protocol) &&
    url.pathname === "/" &&
    url.search === "" &&
    url.username === ""
  )
    return url;
  problems.push("--gateway is needed: an origin such as https://staging.example.com");
  return new URL("http://localhost");
}

function partyOf(side: "A" | "B", given: ParsedArguments, io: Io): PartySpec {
  const letter = side.toLowerCase();
  const id = given.text(`id-${letter}`);
  return {
    side,
    slug: given.text(`tenant-${letter}`) ?? "",
    key: given.text(`key-${letter}`) ?? io.env[`PROVE_KEY_${side}`] ?? "",
    id: id === undefined ? undefined : idOf(id),
  };
}

/** Returns an id of digits as a number, as JSON has it. */
function idOf(text: string): Id {
  return /^[1-9]\d{0,14}$/.test(text) ? Number(text) : text;
}

function samplesOf(file: string | undefined, io: Io, problems: string[]): ReadonlyMap<string, Doc> {
  if (file === undefined) return new Map();
  let value: unknown;
  try {
    value = JSON.parse(io.readFile(file));
  } catch (error) {
    problems.push(`--samples ${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (!isObject(value)) return new Map();
  const samples = new Map<string, Doc>();
  for (const [name, body] of Object.entries(value)) {
    if (!isObject(body)) problems.push(`--samples ${name}: a body is a JSON object`);
    else if (!JSON.stringify(body).includes(PLACEHOLDER))
      problems.push(
        `--samples ${name}: put ${PLACEHOLDER} into one of its texts, so that created records can be found again`,
      );
    else samples.set(name, body);
  }
  return samples;
}

function list(text: string | undefined): string[] {
  return (text ?? "")
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
}

function count(text: string, flag: string, problems: string[]): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) problems.push(`${flag} ${text}: a number of at least 1`);
  return Number(text);
}

import { isObject } from "../core/json.ts";
import type { Tagged } from "./cached-lookup.ts";
import type { Identity, RecordId, TenantFacts } from "../core/context.ts";

/** Parses an identity from a Redis record; `undefined` if the value is none. */
export function parseIdentity(value: unknown): Identity | undefined {
  if (!isObject(value)) return undefined;
  const { userId, tenantIds, allTenants, roles } = value;
  return isId(userId) && isIds(tenantIds) && typeof allTenants === "boolean" && isTexts(roles)
    ? { userId, tenantIds, allTenants, roles }
    : undefined;
}

/** Parses a tenant from a Redis record; `undefined` if the value is none. */
export function parseTenant(value: unknown): TenantFacts | undefined {
  if (!isObject(value)) return undefined;
  const { id, slug, installedApps, group } = value;
  if (!isId(id) || typeof slug !== "string" || !isTexts(installedApps)) return undefined;
  const facts = { id, slug, installedApps };
  if (group === undefined) return facts;
  if (!isObject(group)) return undefined;
  const { memberIds, sharedCollections } = group;
  return isIds(memberIds) && isTexts(sharedCollections)
    ? { ...facts, group: { memberIds, sharedCollections } }
    : undefined;
}

/** Parses a fact with its marks from a Redis record; `parse` parses the fact. */
export function parseTagged<T>(
  value: unknown,
  parse: (fact: unknown) => T | undefined,
): Tagged<T> | undefined {
  if (!isObject(value) || !isTexts(value["marks"])) return undefined;
  const fact = parse(value["fact"]);
  return fact === undefined ? undefined : { fact, marks: value["marks"] };
}

function isId(value: unknown): value is RecordId {
  return typeof value === "string" || Number.isSafeInteger(value);
}

function isIds(value: unknown): value is RecordId[] {
  return Array.isArray(value) && value.every(isId);
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

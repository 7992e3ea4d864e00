import type { AnswerEvents } from "../../core/foreign.ts";
import { ownMember } from "../../core/json.ts";
import type { OperandKind, WhereLimits } from "../../core/where.ts";
import type { Config } from "../../config/schema.ts";
import { cmsNames, type NamesOf } from "./names.ts";
import { virtualFieldsOf, type VirtualFields } from "./virtual-fields.ts";

/** The adapter's part of the configuration, in the shape that the adapter uses. Built once. */
export interface PayloadSettings {
  readonly cms: Config["cms"];
  readonly tell: AnswerEvents;
  /** The version's names for the fields of a collection. */
  readonly names: NamesOf;
  readonly tripwire: Config["partners"]["tripwire"];
  /** Every collection that the configuration names. */
  readonly knownCollections: ReadonlySet<string>;
  readonly exposed: ReadonlySet<string>;
  readonly virtualFields: VirtualFields;
  readonly secretFields: ReadonlySet<string>;
  /** Roles with a limit of their own. The cache holds no other role of a user. */
  readonly limitedRoles: readonly string[];
  readonly maxPage: number;
  readonly maxDepth: number;
  readonly whereDepth: number;
  readonly whereConditions: number;
  /** The longest URL of a request to the CMS, in characters. */
  readonly maxUrl: number;
  readonly tenantIdHeader: string;
  readonly tenantSlugHeader: string;
}

const NO_EVENTS: AnswerEvents = {
  isolation: () => undefined,
  withheld: () => undefined,
  unreadable: () => undefined,
};

/** Extracts the adapter's settings from the whole configuration. */
export function payloadSettings(config: Config, tell = NO_EVENTS): PayloadSettings {
  return {
    tell,
    names: cmsNames,
    tripwire: config.partners.tripwire,
    knownCollections: namedIn(config),
    cms: config.cms,
    exposed: new Set(config.partners.collections),
    virtualFields: virtualFieldsOf(config.cms.virtualFields),
    secretFields: new Set(config.cms.secretFields),
    limitedRoles: Object.keys(config.rate.roles),
    maxPage: config.limits.page,
    maxDepth: config.limits.depth,
    whereDepth: config.limits.whereDepth,
    whereConditions: config.limits.whereConditions,
    maxUrl: config.limits.url,
    tenantIdHeader: config.partners.tenantIdHeader,
    tenantSlugHeader: config.partners.tenantSlugHeader,
  };
}

function namedIn({ cms, partners }: Config): ReadonlySet<string> {
  const targets = [...Object.values(cms.relations), ...Object.values(cms.joins)].flatMap((fields) =>
    Object.values(fields),
  );
  return new Set([
    ...partners.collections,
    ...cms.openCollections,
    ...cms.internal,
    ...targets,
    cms.users,
    cms.tenants,
    cms.groups,
  ]);
}

/**
 * Payload 3.90's `validOperators`. Each of them only compares. Payload accepts a reference with `equals`
 * only; geometries exist on MongoDB and PostGIS.
 */
const OPERATORS: ReadonlyMap<string, OperandKind> = new Map([
  ["equals", "value"],
  ["not_equals", "plain"],
  ["in", "plain"],
  ["not_in", "plain"],
  ["all", "plain"],
  ["exists", "plain"],
  ["contains", "plain"],
  ["like", "plain"],
  ["not_like", "plain"],
  ["greater_than", "plain"],
  ["greater_than_equal", "plain"],
  ["less_than", "plain"],
  ["less_than_equal", "plain"],
  ["within", "geometry"],
  ["intersects", "geometry"],
  ["near", "plain"],
]);

const limitsCache = new WeakMap<PayloadSettings, Map<string, WhereLimits>>();

/**
 * Returns the limits of `where` for one exposed collection. They are cached, since a request needs them
 * several times.
 */
export function whereLimits(settings: PayloadSettings, collection: string): WhereLimits {
  const known = limitsCache.get(settings) ?? new Map<string, WhereLimits>();
  const limits = known.get(collection) ?? makeWhereLimits(settings, collection);
  limitsCache.set(settings, known.set(collection, limits));
  return limits;
}

function makeWhereLimits(settings: PayloadSettings, collection: string): WhereLimits {
  return {
    operators: OPERATORS,
    fieldOf: (path) => settings.names(collection).inward(path),
    secretFields: settings.secretFields,
    ownPaths: new Set(ownMember(settings.cms.ownPaths, collection)),
    foreignFields: new Set([
      ...Object.keys(ownMember(settings.cms.joins, collection) ?? {}),
      ...Object.keys(ownMember(settings.cms.virtualFields, collection) ?? {}),
    ]),
    maxDepth: settings.whereDepth,
    maxConditions: settings.whereConditions,
  };
}

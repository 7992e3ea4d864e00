import type { AnswerEvents } from "../../core/foreign.ts";
import { ownMember } from "../../core/json.ts";
import type { OperandKind, WhereLimits } from "../../core/where.ts";
import type { Config } from "../../config/schema.ts";
import { cmsNames, type NamesOf } from "./names.ts";
import { virtualFieldsOf, type VirtualFields } from "./virtual-fields.ts";

/** What this room needs of the configuration, in the shape it is used in. Built once. */
export interface PayloadSettings {
  readonly cms: Config["cms"];
  readonly tell: AnswerEvents;
  /** What the version that is spoken calls the fields of a collection. */
  readonly names: NamesOf;
  readonly tripwire: Config["partners"]["tripwire"];
  /** Every collection that the configuration names. */
  readonly knownCollections: ReadonlySet<string>;
  readonly exposed: ReadonlySet<string>;
  readonly virtualFields: VirtualFields;
  readonly secretFields: ReadonlySet<string>;
  /** Roles that have a limit of their own: no other is worth remembering of a user. */
  readonly limitedRoles: readonly string[];
  readonly maxPage: number;
  readonly maxDepth: number;
  readonly whereDepth: number;
  readonly whereConditions: number;
  /** The longest URL to ask by, in characters. */
  readonly maxUrl: number;
  readonly tenantIdHeader: string;
  readonly tenantSlugHeader: string;
}

const UNHEARD: AnswerEvents = {
  isolation: () => undefined,
  withheld: () => undefined,
  unreadable: () => undefined,
};

/** The settings of this room, out of the whole configuration. */
export function payloadSettings(config: Config, tell = UNHEARD): PayloadSettings {
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
 * Payload 3.90's `validOperators`: every one of them only compares. A reference it takes with `equals` alone, a geometry
 * is MongoDB's and PostGIS's.
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

const laws = new WeakMap<PayloadSettings, Map<string, WhereLimits>>();

/** The law of `where` for one exposed collection. Made once: it is asked for several times a request. */
export function whereLimits(settings: PayloadSettings, collection: string): WhereLimits {
  const known = laws.get(settings) ?? new Map<string, WhereLimits>();
  const law = known.get(collection) ?? whereLaw(settings, collection);
  laws.set(settings, known.set(collection, law));
  return law;
}

function whereLaw(settings: PayloadSettings, collection: string): WhereLimits {
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

import type { Config } from "../../config/schema.ts";
import { endHeaders, versionState } from "../../core/version-end.ts";
import { countHeaders, failuresOf, withoutBody } from "./failures.ts";
import { ref, type Json, type OperationKind } from "./json.ts";
import { LIST_PARAMETERS, sharedParameters } from "./parameters.ts";

type RecordKind = Exclude<OperationKind, "describe">;

/** A version at the time of the description. */
interface DescribedVersion {
  readonly name: string;
  readonly isDeprecated: boolean;
  readonly headers: readonly string[];
  readonly config: Config;
}

const VERBS: Readonly<Record<RecordKind, string>> = {
  list: "List",
  read: "Read one of",
  create: "Create one of",
  update: "Change one of",
  delete: "Delete one of",
};

/** Returns the names of the versions before their sunset at `now`, in the configured order. */
export function currentVersions({ partners }: Config, now: number): readonly string[] {
  return partners.versions.filter(
    (name) => versionState(partners.versionSettings[name] ?? {}, now) !== "sunset",
  );
}

/** Builds every route of every version before its sunset at `now`. */
export function paths(config: Config, now: number): Json {
  const described = currentVersions(config, now).flatMap((name) => {
    const end = config.partners.versionSettings[name] ?? {};
    const isDeprecated = versionState(end, now) === "deprecated";
    const headers = Object.keys(endHeaders(end)).map((header) => versionHeader(name, header));
    const version = { name, isDeprecated, headers, config };
    return config.partners.collections.flatMap((collection) => routesOf(version, collection));
  });
  return { ...Object.fromEntries(described), "/partners/openapi.json": description(config) };
}

/** Builds the headers that announce the end of each version before its sunset at `now`, as components. */
export function endComponents(config: Config, now: number): Readonly<Record<string, Json>> {
  const entries = currentVersions(config, now).flatMap((name) =>
    Object.entries(endHeaders(config.partners.versionSettings[name] ?? {})).map(([header, value]) => [
      versionHeader(name, header),
      { description: `Announces the end of ${name}.`, schema: { type: "string", const: value } },
    ]),
  );
  return Object.fromEntries(entries);
}

function versionHeader(version: string, header: string): string {
  return `${version}.${header}`;
}

function routesOf(version: DescribedVersion, collection: string): [string, Json][] {
  const path = `/partners/${version.name}/{tenant}/${collection}`;
  const { config } = version;
  const one = (kind: RecordKind, method: string) => operation(version, { collection, kind, method });
  const many = { get: one("list", "get"), head: one("list", "head"), post: one("create", "post") };
  const single = {
    get: one("read", "get"),
    head: one("read", "head"),
    patch: one("update", "patch"),
    put: one("update", "put"),
    delete: one("delete", "delete"),
  };
  return [
    [path, { parameters: sharedParameters(config, false), ...many }],
    [`${path}/{id}`, { parameters: sharedParameters(config, true), ...single }],
  ];
}

interface Route {
  readonly collection: string;
  readonly kind: RecordKind;
  readonly method: string;
}

function operation(
  { name, isDeprecated, headers, config }: DescribedVersion,
  { collection, kind, method }: Route,
): Json {
  const isHead = method === "head";
  const success = kind === "create" ? "201" : "200";
  const circumstances = { isKeyed: true, isCounted: config.rate.enabled };
  const headerNames = ["X-Request-Id", "Cache-Control", ...countHeaders(circumstances), ...headers];
  const answered = {
    description: kind === "list" ? "A page of documents." : "The document.",
    headers: Object.fromEntries(headerNames.map((header) => [headerName(header), ref("headers", header)])),
    ...(isHead ? {} : json(ref("schemas", kind === "list" ? "List" : "Document"))),
  };
  const failures = Object.keys(failuresOf(kind, circumstances)).map((status): [string, Json] => [
    status,
    ref("responses", `${isHead ? "head." : ""}${kind}.${status}`),
  ]);
  const body = kind === "create" ? "Create" : kind === "update" ? "Update" : undefined;
  const remark = remarkOn(collection, kind, config);
  return {
    operationId: [method, kind, name, collection].join("-"),
    tags: [name],
    summary: `${VERBS[kind]} ${collection}`,
    ...(remark === undefined ? {} : { description: remark }),
    ...(isDeprecated ? { deprecated: true } : {}),
    ...(kind === "list" ? { parameters: LIST_PARAMETERS } : {}),
    ...(body === undefined ? {} : { requestBody: { required: true, ...json(ref("schemas", body)) } }),
    responses: { [success]: answered, ...Object.fromEntries(failures) },
  };
}

/** Returns the remark that applies to this operation of this collection only, if there is one. */
function remarkOn(collection: string, kind: RecordKind, { cms }: Config): string | undefined {
  if (kind === "create" && cms.uploads.includes(collection))
    return "A JSON body carries no file: the CMS refuses it if the collection requires one.";
  return undefined;
}

/** Returns the name of a version's header on the wire. */
function headerName(component: string): string {
  return component.slice(component.indexOf(".") + 1);
}

function description({ partners, rate }: Config): Json {
  const isKeyed = !partners.publicDescription;
  const circumstances = { isKeyed, isCounted: rate.enabled };
  const headers = Object.fromEntries(
    ["X-Request-Id", "Cache-Control"].map((name) => [name, ref("headers", name)]),
  );
  const get = (method: string): Json => {
    const failures = Object.entries(failuresOf("describe", circumstances)).map(
      ([status, whole]): [string, Json] => [status, method === "head" ? withoutBody(whole) : whole],
    );
    return {
      operationId: `${method}-description`,
      tags: ["description"],
      summary: "This document",
      ...(isKeyed ? {} : { security: [] }),
      responses: {
        "200": {
          description: "This document.",
          headers,
          ...(method === "head" ? {} : json({ type: "object" })),
        },
        ...Object.fromEntries(failures),
      },
    };
  };
  return { get: get("get"), head: get("head") };
}

function json(schema: Json): Json {
  return { content: { "application/json": { schema } } };
}

import { escapeAll } from "./path-tricks.ts";
import type { WorldNames } from "./world.ts";

/** Headers that name a tenant in an unusual form, with the answer that the contract requires. */
export interface Disguise {
  readonly name: string;
  readonly path: "own" | "other" | "missing";
  readonly headers: (names: WorldNames, own: string, other: string) => readonly string[];
  /** `own`: the answer is for the key's own tenant; `none`: 404; `either`: one of the two. */
  readonly reaches: "own" | "none" | "either";
}

const underscored = (name: string): string => name.replaceAll("-", "_");
const dotted = (name: string): string => name.replaceAll("-", ".");
const mixed = (name: string): string => name.replace("-", "_");

/** All unusual forms of tenant headers. */
export const DISGUISES: readonly Disguise[] = [
  {
    name: "slug twice, the same",
    path: "missing",
    headers: (n, own) => [n.slugHeader, own, n.slugHeader, own],
    reaches: "own",
  },
  {
    name: "slug twice, own then other",
    path: "own",
    headers: (n, own, other) => [n.slugHeader, own, n.slugHeader, other],
    reaches: "none",
  },
  {
    name: "slug twice, other then own",
    path: "own",
    headers: (n, own, other) => [n.slugHeader, other, n.slugHeader, own],
    reaches: "none",
  },
  {
    name: "slug list own, other",
    path: "own",
    headers: (n, own, other) => [n.slugHeader, `${own}, ${other}`],
    reaches: "none",
  },
  {
    name: "slug list other,own",
    path: "own",
    headers: (n, own, other) => [n.slugHeader, `${other},${own}`],
    reaches: "none",
  },
  {
    name: "slug in upper-case name",
    path: "missing",
    headers: (n, own) => [n.slugHeader.toUpperCase(), own],
    reaches: "own",
  },
  {
    name: "other in upper-case name",
    path: "own",
    headers: (n, _, other) => [n.slugHeader.toUpperCase(), other],
    reaches: "own",
  },
  {
    name: "slug alias with _",
    path: "missing",
    headers: (n, own) => [underscored(n.slugHeader), own],
    reaches: "none",
  },
  {
    name: "slug alias with .",
    path: "missing",
    headers: (n, own) => [dotted(n.slugHeader), own],
    reaches: "none",
  },
  {
    name: "slug alias with _ and -",
    path: "missing",
    headers: (n, own) => [mixed(n.slugHeader), own],
    reaches: "none",
  },
  {
    name: "other by alias with _",
    path: "own",
    headers: (n, _, other) => [underscored(n.slugHeader), other],
    reaches: "own",
  },
  {
    name: "other by alias with .",
    path: "own",
    headers: (n, _, other) => [dotted(n.slugHeader), other],
    reaches: "own",
  },
  {
    name: "other by alias with _ and -",
    path: "own",
    headers: (n, _, other) => [mixed(n.slugHeader), other],
    reaches: "own",
  },
  {
    name: "other by alias of the id header",
    path: "own",
    headers: (n, _, other) => [underscored(n.idHeader), other, dotted(n.idHeader), other],
    reaches: "own",
  },
  {
    name: "other by header and alias",
    path: "own",
    headers: (n, own, other) => [n.slugHeader, own, underscored(n.slugHeader), other],
    reaches: "own",
  },
  {
    name: "slug header nominated by Connection",
    path: "own",
    headers: (n, _, other) => [
      "connection",
      `keep-alive, ${n.slugHeader}, ${n.idHeader}`,
      n.slugHeader,
      other,
    ],
    reaches: "own",
  },
  {
    name: "own slug nominated by Connection",
    path: "missing",
    headers: (n, own) => ["connection", `keep-alive, ${n.slugHeader}`, n.slugHeader, own],
    reaches: "either",
  },
  {
    name: "authorization nominated by Connection",
    path: "own",
    headers: () => ["connection", "keep-alive, authorization"],
    reaches: "own",
  },
  {
    name: "other with spaces around",
    path: "missing",
    headers: (n, _, other) => [n.slugHeader, `  ${other}  `],
    reaches: "none",
  },
  {
    name: "other in upper case",
    path: "missing",
    headers: (n, _, other) => [n.slugHeader, other.toUpperCase()],
    reaches: "none",
  },
  {
    name: "other, encoded",
    path: "missing",
    headers: (n, _, other) => [n.slugHeader, escapeAll(other)],
    reaches: "none",
  },
  {
    name: "other in quotes",
    path: "missing",
    headers: (n, _, other) => [n.slugHeader, `"${other}"`],
    reaches: "none",
  },
  {
    name: "other as JSON",
    path: "missing",
    headers: (n, _, other) => [n.slugHeader, JSON.stringify({ equals: other })],
    reaches: "none",
  },
  {
    name: "other with a wildcard",
    path: "missing",
    headers: (n, _, other) => [n.slugHeader, `${other.slice(0, -1)}*`],
    reaches: "none",
  },
  {
    name: "slug in the id header",
    path: "missing",
    headers: (n, _, other) => [n.idHeader, other],
    reaches: "none",
  },
  { name: "own slug in the id header", path: "own", headers: (n, own) => [n.idHeader, own], reaches: "own" },
  {
    name: "x-tenant and its kin",
    path: "own",
    headers: (_, __, other) => [
      "x-tenant",
      other,
      "x-tenant-id",
      other,
      "x-tenant-slug",
      other,
      "tenant",
      other,
    ],
    reaches: "own",
  },
  {
    name: "cookies that name a tenant",
    path: "own",
    headers: (_, __, other) => ["cookie", `payload-tenant=${other}; tenant=${other}`],
    reaches: "own",
  },
  {
    name: "forwarded headers that name a tenant",
    path: "own",
    headers: (_, __, other) => [
      "x-forwarded-prefix",
      `/${other}`,
      "x-forwarded-host",
      other,
      "forwarded",
      `host=${other}`,
    ],
    reaches: "own",
  },
];

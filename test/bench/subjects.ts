import type { Load } from "./part.ts";
import { startGateway, startNode, startPeer, type Running } from "./start.ts";
import { AUTHORIZATION, type Upstream } from "./upstream.ts";
import { asking } from "./wrk.ts";

/** A server between load and upstream. */
export interface Subject {
  readonly name: string;
  /** The required command, unless it is a Node program. */
  readonly needs?: string;
  /** wrk's script for each load. */
  readonly scripts: Readonly<Record<Load, string>>;
  /** A path of those, to check whether it answers. */
  start(upstream: Upstream): Promise<Running>;
}

/** The unit of all ratios. */
export const UNIT = "http-proxy-3";

/**
 * The number of documents requested in turn; more than connections, so that no two requests in flight are
 * equal.
 */
const DOCUMENTS = 1_000;
/** The number of lists, by page. It is smaller, since clients repeat lists more often than documents. */
const LISTS = 400;

const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

/** The partner API's paths of a read and of a list. */
export const PARTNERS = {
  document: (id: number) => `/partners/2026-02/t-1/pages/${id}`,
  list: (page: number) => `/partners/2026-02/t-1/posts?limit=10&page=${page}`,
};

/** The CMS's own paths, for the pass-through proxies: the upstream then does the same work. */
export const PLAIN = {
  document: (id: number) => `/api/pages?where=${encodeURIComponent(JSON.stringify({ id: { equals: id } }))}`,
  list: (page: number) => `/api/posts?limit=10&page=${page}`,
};

/** wrk's scripts: all requests different, or all equal. */
export function scriptsOf(
  spelling: typeof PARTNERS,
  kind: "different" | "equal" = "different",
): Subject["scripts"] {
  const headers = spelling === PARTNERS ? AUTHORIZATION : {};
  const [documents, lists] = kind === "equal" ? [1, 1] : [DOCUMENTS, LISTS];
  return {
    document: asking(numbers(documents).map(spelling.document), headers),
    list: asking(numbers(lists).map(spelling.list), headers),
  };
}

const [partners, plain] = [scriptsOf(PARTNERS), scriptsOf(PLAIN)];

/** Every subject that is measured side by side. */
export const SUBJECTS: readonly Subject[] = [
  nodeProgram(UNIT, "http-proxy-3.ts"),
  { name: "gateway, partners", scripts: partners, start: (upstream) => startGateway(upstream) },
  {
    name: "gateway, partners, equal reads shared",
    scripts: scriptsOf(PARTNERS, "equal"),
    start: (upstream) => startGateway(upstream),
  },
  { name: "gateway, native", scripts: plain, start: (upstream) => startGateway(upstream) },
  nodeProgram("bare undici", "bare-undici.ts"),
  nodeProgram("bare node:http, no upstream", "node-static.ts"),
  peer("nginx, auth_request cached", "nginx"),
  peer("haproxy, keys in a map", "haproxy"),
  peer("caddy, pass-through", "caddy"),
];

/** The subject of that name. */
export function subjectOf(name: string): Subject {
  const found = SUBJECTS.find((subject) => subject.name === name);
  if (found === undefined) throw new Error(`there is no subject ${name}`);
  return found;
}

function nodeProgram(name: string, file: string): Subject {
  return { name, scripts: plain, start: (upstream) => startNode(file, upstream) };
}

function peer(name: string, command: "nginx" | "haproxy" | "caddy"): Subject {
  const scripts = command === "caddy" ? plain : partners;
  return { name, needs: command, scripts, start: (upstream) => startPeer(command, upstream) };
}

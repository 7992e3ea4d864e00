import { KEYS } from "../support/cms/keys.ts";

/**
 * The way in which a request is sent. `stalled`: its body never arrives; `raw`: bytes that no client library
 * would send.
 */
export type Manner = "plain" | "slow" | "stalled" | "raw" | "socket";

/** A request of the mix with its expected response. */
export interface Ask {
  readonly kind: string;
  readonly manner?: Manner;
  readonly method?: string;
  readonly path: string;
  /** The whole `Authorization` header. */
  readonly authorization?: string;
  readonly body?: string;
  /** The expected status. Any other is wrong, except for a failure of the CMS while it is down. */
  readonly status: number;
  /** The only tenant whose records may be in the response. */
  readonly tenant?: number;
  /** For `raw`: the lines after the request line and `Host`. */
  readonly lines?: readonly string[];
  /** Milliseconds after which the client disconnects; 0: as soon as the request is sent. */
  readonly leavesAfter?: number;
}

const TENANTS = [
  { id: 1, slug: "tenant-a", key: KEYS.partnerA },
  { id: 2, slug: "tenant-b", key: KEYS.partnerB },
  { id: 3, slug: "tenant-c", key: KEYS.partnerC },
  { id: 4, slug: "tenant-d", key: KEYS.partnerD },
] as const;
const COLLECTIONS = ["posts", "pages"] as const;
const PER_TENANT = 24;

/** The parameters of the mix. */
export interface Mix {
  /** An administrator's `Authorization` header. */
  readonly session: string;
  /** True: with bodies that never arrive; each takes the gateway's whole `bodyPause`. */
  readonly stalls: boolean;
}

/** Draws the next request. `random` returns 0 to 1. */
export function draw(random: () => number, { session, stalls }: Mix): Ask {
  const all = [...partnerAsks(random), ...nativeAsks(random, session)];
  const asks = stalls ? all : all.filter(({ manner }) => manner !== "stalled");
  const ask = pick(asks, random);
  // Many of them would leave the clients too little time for the rest.
  return ask.manner === "stalled" && random() > 0.1 ? pick(asks, random) : ask;
}

/** The kinds of request in the mix whose clients wait for the response. */
export function answeredKinds(stalls: boolean): ReadonlySet<string> {
  const all = [...partnerAsks(() => 0), ...nativeAsks(() => 0, "")];
  const waiting = all.filter(
    ({ leavesAfter, manner }) => leavesAfter === undefined && (stalls || manner !== "stalled"),
  );
  return new Set(waiting.map(({ kind }) => kind));
}

function partnerAsks(random: () => number): Ask[] {
  const tenant = pick(TENANTS, random);
  const collection = pick(COLLECTIONS, random);
  const base = `/partners/2026-02/${tenant.slug}`;
  const own = (tenant.id - 1) * PER_TENANT + 1 + Math.floor(random() * PER_TENANT);
  const foreign = (own + PER_TENANT) % (4 * PER_TENANT) || 4 * PER_TENANT;
  const authorization = `users API-Key ${tenant.key}`;
  const common = { authorization, tenant: tenant.id };
  const write = { ...common, method: "PATCH", body: JSON.stringify({ text: `by soak ${own}`, tenant: 3 }) };
  const key = `Authorization: ${authorization}`;
  const leavesAfter = soonOrLater(random);
  return [
    { ...common, kind: "list", path: `${base}/${collection}?limit=20&depth=1`, status: 200 },
    { ...common, kind: "list", path: `${base}/${collection}?where[tenant][equals]=3`, status: 200 },
    { ...common, kind: "read", path: `${base}/posts/${own}`, status: 200 },
    { ...common, kind: "foreign", path: `${base}/posts/${foreign}`, status: 404 },
    { ...write, kind: "write", path: `${base}/posts/${own}`, status: 200 },
    { ...write, kind: "foreign write", path: `${base}/posts/${foreign}`, status: 404 },
    { ...write, kind: "slow write", path: `${base}/posts/${own}`, status: 200, manner: "slow" },
    { ...write, kind: "stalled write", path: `${base}/posts/${own}`, status: 400, manner: "stalled" },
    { ...common, kind: "left", path: `${base}/pages?limit=50`, status: 200, leavesAfter },
    { ...write, kind: "left write", path: `${base}/posts/${own}`, status: 200, leavesAfter },
    { kind: "bad key", path: `${base}/posts`, authorization: unknownKey(random), status: 401 },
    { kind: "no key", path: `${base}/posts`, status: 401 },
    { ...common, kind: "bad version", path: `/partners/2020-01/${tenant.slug}/posts`, status: 400 },
    { ...common, kind: "bad path", path: `${base}/posts/..%2fusers`, status: 400 },
    { ...common, kind: "bad body", method: "POST", body: '{"title":', path: `${base}/posts`, status: 400 },
    { ...common, kind: "not exposed", path: `${base}/users`, status: 404 },
    {
      kind: "two lengths",
      manner: "raw",
      method: "POST",
      path: `${base}/posts`,
      lines: [key, "Content-Length: 5", "Transfer-Encoding: chunked"],
      status: 400,
    },
  ];
}

/** The requests of an editor's browser, and of a partner on native paths. */
function nativeAsks(random: () => number, session: string): Ask[] {
  const id = 1 + Math.floor(random() * PER_TENANT);
  return [
    {
      kind: "native, keyed",
      path: "/api/posts",
      authorization: `users API-Key ${KEYS.partnerA}`,
      status: 403,
    },
    { kind: "native page", path: "/admin", status: 200 },
    { kind: "native read", path: `/api/posts/${id}?depth=1`, authorization: session, status: 200 },
    {
      kind: "native left",
      path: "/api/pages?limit=50",
      authorization: session,
      status: 200,
      leavesAfter: soonOrLater(random),
    },
    // Invalidates the cached tenants and keys of all replicas.
    {
      kind: "native write",
      method: "PATCH",
      path: "/api/tenants/4",
      body: JSON.stringify({ name: `Tenant D ${id}` }),
      authorization: session,
      status: 200,
    },
    { kind: "native socket", path: "/_next/webpack-hmr", manner: "socket", status: 101 },
  ];
}

function soonOrLater(random: () => number): number {
  return random() < 0.5 ? 0 : random() * 20;
}

function unknownKey(random: () => number): string {
  return `users API-Key soak-${Math.floor(random() * 1e9)}`;
}

function pick<T>(from: readonly [T, ...T[]] | readonly T[], random: () => number): T {
  const picked = from[Math.floor(random() * from.length)];
  if (picked === undefined) throw new Error("nothing to pick from");
  return picked;
}

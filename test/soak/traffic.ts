import { Agent, request as httpRequest, type IncomingMessage } from "node:http";
import { KEYS } from "../support/cms/keys.ts";

/** What one request of the mix came to. */
export interface Outcome {
  readonly kind: string;
  /** 0 where no answer came. */
  readonly status: number;
  readonly requestId?: string;
  /** Why the answer is wrong, whatever the CMS was doing. */
  readonly wrong?: string;
  /** True where only a CMS that is up could have answered better. */
  readonly excused?: boolean;
}

const TENANTS = [
  { id: 1, slug: "tenant-a", key: KEYS.partnerA },
  { id: 2, slug: "tenant-b", key: KEYS.partnerB },
  { id: 3, slug: "tenant-c", key: KEYS.partnerC },
  { id: 4, slug: "tenant-d", key: KEYS.partnerD },
] as const;
const COLLECTIONS = ["posts", "pages"] as const;
const PER_TENANT = 24;

interface Ask {
  readonly kind: string;
  readonly method?: string;
  readonly path: string;
  readonly key?: string;
  readonly body?: string;
  /** The answer where all is well; anything but it, or a failure of the CMS's while that is down, is wrong. */
  readonly status: number;
  readonly tenant?: number;
  readonly leavesAfter?: number;
  readonly isSlow?: boolean;
}

/** A client that sends a random mix over kept-alive connections, one request after another. */
export class Client {
  readonly #random: () => number;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #port: number;

  constructor(port: number, seed: number) {
    this.#port = port;
    this.#random = mulberry(seed);
  }

  /** Sends the next request; never rejects. */
  async next(): Promise<Outcome> {
    const ask = this.#draw();
    try {
      const { status, body, requestId } = await send(this.#port, ask, this.#agent);
      return judge(ask, { status, body, requestId });
    } catch (error) {
      if (ask.leavesAfter !== undefined) return { kind: ask.kind, status: 0 };
      return { kind: ask.kind, status: 0, wrong: `no answer: ${String(error)}` };
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  #pick<T>(from: readonly T[], fallback: T): T {
    return from[Math.floor(this.#random() * from.length)] ?? fallback;
  }

  #draw(): Ask {
    const tenant = this.#pick(TENANTS, TENANTS[0]);
    const collection = this.#pick(COLLECTIONS, "posts");
    const base = `/partners/2026-02/${tenant.slug}`;
    const own = (tenant.id - 1) * PER_TENANT + 1 + Math.floor(this.#random() * PER_TENANT);
    const foreign = (own + PER_TENANT) % (4 * PER_TENANT) || 4 * PER_TENANT;
    const common = { key: tenant.key, tenant: tenant.id };
    const write = { ...common, method: "PATCH", body: JSON.stringify({ text: `by soak ${own}`, tenant: 3 }) };
    const asks: readonly Ask[] = [
      { ...common, kind: "list", path: `${base}/${collection}?limit=20&depth=1`, status: 200 },
      { ...common, kind: "list", path: `${base}/${collection}?where[tenant][equals]=3`, status: 200 },
      { ...common, kind: "read", path: `${base}/posts/${own}`, status: 200 },
      { ...common, kind: "foreign", path: `${base}/posts/${foreign}`, status: 404 },
      { ...write, kind: "write", path: `${base}/posts/${own}`, status: 200 },
      { ...write, kind: "foreign write", path: `${base}/posts/${foreign}`, status: 404 },
      { ...write, kind: "slow write", path: `${base}/posts/${own}`, status: 200, isSlow: true },
      {
        ...common,
        kind: "left",
        path: `${base}/pages?limit=50`,
        status: 200,
        leavesAfter: this.#random() * 20,
      },
      {
        ...write,
        kind: "left write",
        path: `${base}/posts/${own}`,
        status: 200,
        leavesAfter: this.#random() * 20,
      },
      {
        ...common,
        kind: "bad key",
        path: `${base}/posts`,
        key: `soak-${Math.floor(this.#random() * 1e9)}`,
        status: 401,
      },
      { kind: "no key", path: `${base}/posts`, status: 401 },
      { ...common, kind: "bad version", path: `/partners/2020-01/${tenant.slug}/posts`, status: 400 },
      { ...common, kind: "bad path", path: `${base}/posts/..%2fusers`, status: 400 },
      { ...common, kind: "bad body", method: "POST", body: '{"title":', path: `${base}/posts`, status: 400 },
      { ...common, kind: "not exposed", path: `${base}/users`, status: 404 },
      { ...common, kind: "native, keyed", path: "/api/posts", status: 403 },
      { kind: "native", path: "/admin", status: 200 },
    ];
    return this.#pick(asks, asks[0] ?? { kind: "none", path: "/", status: 404 });
  }
}

interface Reply {
  readonly status: number;
  readonly body: string;
  readonly requestId: string;
}

function send(port: number, ask: Ask, agent: Agent): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const { body, key, method = "GET", path } = ask;
    const headers: Record<string, string | number> = {};
    if (key !== undefined) headers["authorization"] = `users API-Key ${key}`;
    if (body !== undefined) headers["content-length"] = Buffer.byteLength(body);
    const sent = httpRequest({ host: "127.0.0.1", port, path, method, headers, agent }, (answer) => {
      read(answer, Number(answer.statusCode)).then(resolve, reject);
    });
    sent.once("error", reject);
    if (ask.leavesAfter !== undefined) setTimeout(() => sent.destroy(), ask.leavesAfter);
    if (ask.isSlow !== true || body === undefined) {
      sent.end(body);
      return;
    }
    sent.write(body.slice(0, 5));
    setTimeout(() => sent.end(body.slice(5)), 60);
  });
}

async function read(answer: IncomingMessage, status: number): Promise<Reply> {
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(Buffer.from(chunk));
  const requestId = String(answer.headers["x-request-id"]);
  return { status, body: Buffer.concat(chunks).toString("utf8"), requestId };
}

function judge(ask: Ask, { status, body, requestId }: Reply): Outcome {
  const { kind } = ask;
  if (kind.startsWith("native")) {
    const excused = status >= 500;
    return status === ask.status
      ? { kind, status }
      : { kind, status, excused, wrong: `${status}: ${body.slice(0, 99)}` };
  }
  const outcome = { kind, status, requestId };
  if (status === 200 && ask.tenant !== undefined && status === ask.status) {
    const stranger = foreignTenant(JSON.parse(body), ask.tenant);
    return stranger === undefined
      ? outcome
      : { ...outcome, wrong: `a record of tenant ${stranger} for ${ask.tenant}` };
  }
  if (status === ask.status) return outcome;
  // 500 is what a partner hears of a CMS that answers while it goes down.
  return {
    ...outcome,
    excused: status >= 500,
    wrong: `${status} in place of ${ask.status}: ${body.slice(0, 200)}`,
  };
}

/** The tenant of any record in an answer that is not `tenant`. */
function foreignTenant(value: unknown, tenant: number): string | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if ("tenant" in value && value.tenant !== tenant) return JSON.stringify(value.tenant);
  for (const inner of Object.values(value)) {
    const found = foreignTenant(inner, tenant);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** A small seeded generator, so that a soak can be run again. */
function mulberry(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

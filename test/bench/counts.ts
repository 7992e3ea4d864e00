import { startCms, type Cms } from "../support/cms/server.ts";
import type { Table } from "./report.ts";
import { startGateway, type RunningGateway } from "./start.ts";

interface Ask {
  readonly name: string;
  readonly method?: string;
  readonly path: string;
  readonly key?: string;
  readonly body?: unknown;
  readonly status: number;
  /** The permitted number of requests to the CMS. */
  readonly most: number;
}

/** A load on the gateway, with the requests that it causes at the CMS. */
export interface Asked {
  readonly name: string;
  readonly through: readonly string[];
  readonly directly: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
}

const BASE = "/partners/2026-02/tenant-a";
/** Tenant A's pages in the test CMS. */
const IDS = Array.from({ length: 24 }, (_, index) => index + 1);

/**
 * Counts the requests to a real CMS for each kind of request, with key and tenant cached. Throws if a
 * response is not the expected one, because the count would be of another kind.
 */
export async function countAll(): Promise<{ table: Table; asked: Asked[]; serviceKey: string }> {
  const cms = await startCms();
  let gateway: RunningGateway | undefined;
  try {
    const { service: serviceKey, partnerA } = cms.keys;
    gateway = await startGateway(cms, { env: { CMS_SERVICE_KEY: serviceKey } });
    const rows = [];
    for (const ask of asksOf(cms)) rows.push(await countOne(ask, cms, gateway));
    const headers = { authorization: `users API-Key ${partnerA}` };
    const target = async (path: string): Promise<string> => {
      cms.takeRequests();
      await (await fetch(gateway?.url + path, { headers })).arrayBuffer();
      return cms.takeRequests().at(-1)?.path ?? "";
    };
    const documents = IDS.map((id) => `${BASE}/pages/${id}`);
    const asked = [
      { name: "one document", through: documents, directly: await all(documents, target), headers },
      { name: "a list of ten", ...(await listOf(target)), headers },
    ];
    const notes = ["With key and tenant cached; counted at the CMS."];
    return { table: { title: "requests to Payload for each request", notes, rows }, asked, serviceKey };
  } finally {
    await gateway?.stop();
    await cms.close();
  }
}

async function listOf(
  target: (path: string) => Promise<string>,
): Promise<Pick<Asked, "through" | "directly">> {
  const path = `${BASE}/pages?limit=10`;
  return { through: [path], directly: [await target(path)] };
}

async function all(paths: readonly string[], target: (path: string) => Promise<string>): Promise<string[]> {
  const targets: string[] = [];
  for (const path of paths) targets.push(await target(path));
  return targets;
}

/** The requests in an order without mutual effects; the first two fill the cache. */
function asksOf({ keys }: Cms): Ask[] {
  const key = keys.partnerA;
  const [unknown, post] = ["ffff0000-0000-4000-8000-00000000ffff", { title: "A post", text: "Counted" }];
  return [
    {
      name: "a read, nothing cached, tenant in a group",
      path: `${BASE}/pages/1`,
      key,
      status: 200,
      most: 4,
    },
    { name: "an unknown key, first time", path: `${BASE}/pages/1`, key: unknown, status: 401, most: 1 },
    { name: "a read", path: `${BASE}/pages/1`, key, status: 200, most: 1 },
    { name: "a list", path: `${BASE}/pages?limit=10`, key, status: 200, most: 1 },
    { name: "a create", method: "POST", path: `${BASE}/posts`, key, body: post, status: 201, most: 2 },
    { name: "an update", method: "PATCH", path: `${BASE}/posts/1`, key, body: post, status: 200, most: 2 },
    { name: "a delete", method: "DELETE", path: `${BASE}/posts/2`, key, status: 200, most: 2 },
    { name: "refused: no key", path: `${BASE}/pages/1`, status: 401, most: 0 },
    { name: "refused: an unknown key again", path: `${BASE}/pages/1`, key: unknown, status: 401, most: 0 },
    {
      name: "refused: an unknown version",
      path: "/partners/1999-01/tenant-a/pages",
      key,
      status: 400,
      most: 0,
    },
    { name: "refused: an unknown collection", path: `${BASE}/users`, key, status: 404, most: 0 },
    { name: "refused: a key on a native path", path: "/api/pages", key, status: 403, most: 0 },
    {
      name: "a foreign document, which only the CMS can identify",
      path: `${BASE}/pages/50`,
      key,
      status: 404,
      most: 1,
    },
    {
      name: "a write to a foreign document",
      method: "DELETE",
      path: `${BASE}/posts/50`,
      key,
      status: 404,
      most: 1,
    },
  ];
}

async function countOne(
  ask: Ask,
  cms: Cms,
  { url }: RunningGateway,
): Promise<Record<string, string | number>> {
  const { name, method = "GET", path, key, body, status, most } = ask;
  cms.takeRequests();
  const answer = await fetch(url + path, {
    method,
    headers: {
      ...(key !== undefined && { authorization: `users API-Key ${key}` }),
      ...(body !== undefined && { "content-type": "application/json" }),
    },
    body: body === undefined ? null : JSON.stringify(body),
  });
  const text = await answer.text();
  if (answer.status !== status) throw new Error(`${name}: ${answer.status} instead of ${status}: ${text}`);
  const { length } = cms.takeRequests();
  return {
    request: name,
    "requests to the CMS": String(length),
    "at most": `${most}`,
    met: length <= most ? "yes" : "NO",
  };
}

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort, OTHER_CORE, startOn, untilAnswers, type Started } from "./processes.ts";

/** The prefix of all keys; the CMS identifies each by its number, of twelve digits. */
const KEYS = "5f0c7d1e-0000-4000-8000-";

/** The key of the user of that number, and so of the tenant `t-<number>`. */
export function keyOf(number: number): string {
  return KEYS + String(number).padStart(12, "0");
}

/** The header of a key of any number, as Lua formats it. */
export const AUTHORIZATION_FORMAT = `users API-Key ${KEYS}%012d`;

/**
 * The header of the key that all subjects are sent; only the gateway verifies it, and its upstream has it.
 */
export const AUTHORIZATION = { authorization: `users API-Key ${keyOf(1)}` };

/** A document of two kilobytes like a page of a CMS: some text, a few members, times. */
function documentOf(id: number, size: number): Record<string, unknown> {
  const bare = {
    id,
    tenant: 1,
    title: `A page that was written for measuring, number ${id}`,
    slug: `page-${id}`,
    layout: [{ id: "65f0a1b2c3d4e5f6a7b8c9d0", blockType: "text", text: "" }],
    meta: { title: "Measuring", description: "What a proxy costs", noIndex: false },
    _status: "published",
    updatedAt: "2026-02-03T10:11:12.131Z",
    createdAt: "2026-01-02T03:04:05.060Z",
  };
  const left = size - JSON.stringify(bare).length;
  const text = "Plain words, as they stand in pages. ".repeat(Math.ceil(left / 37)).slice(0, left);
  return { ...bare, layout: [{ ...bare.layout[0], text }] };
}

function listOf(docs: readonly unknown[]): string {
  const counts = { totalDocs: docs.length, limit: 10, totalPages: 1, page: 1, pagingCounter: 1 };
  const ends = { hasPrevPage: false, hasNextPage: false, prevPage: null, nextPage: null };
  return JSON.stringify({ docs, ...counts, ...ends });
}

/**
 * A user of the CMS, by the number of the key: member of the first tenant and of the tenant with the same
 * number.
 */
const USER =
  '{"user":{"id":$user,"collection":"users","_strategy":"api-key","roles":["editor"],"tenants":[{"tenant":1},{"tenant":$user}]},"message":"Account"}';

/** The requested document, with the requested tenant: nginx fills in both. */
const PAGE = listOf([documentOf(1, 2_048)])
  .replace('"id":1,"tenant":1', '"id":$id,"tenant":$tenant')
  .replaceAll("number 1", "number $id");

/**
 * The CMS's responses, by path. `pages` is one document of 2 KB, whichever is requested; `posts` always the
 * same ten.
 */
const BUILT: Readonly<Record<string, string>> = {
  "/api/users/me": USER,
  "/api/tenants": listOf(["#"]).replace('"#"', '{"id":$named,"slug":"t-$named","installedApps":[]}'),
  "/api/pages": PAGE,
};
const POSTS = listOf(Array.from({ length: 10 }, (_, index) => documentOf(index + 1, 2_048)));

/** A server in place of the CMS. */
export interface Upstream {
  readonly port: number;
  readonly url: string;
}

/**
 * nginx with made-up bodies in place of the CMS. It costs next to nothing, so the figures show the subject
 * before it. It has every key that ends in a number, every tenant `t-<number>` and every id.
 */
export async function startUpstream(): Promise<Started & Upstream> {
  const dir = mkdtempSync(join(tmpdir(), "bench-upstream-"));
  const port = await freePort();
  const locations = Object.entries(BUILT).map(
    ([path, body]) => `location = ${path} { default_type application/json; return 200 '${body}'; }`,
  );
  writeFileSync(join(dir, "posts.json"), POSTS);
  locations.push(`location = /api/posts { default_type application/json; alias ${dir}/posts.json; }`);
  const file = join(dir, "nginx.conf");
  writeFileSync(file, configuration({ dir, port, locations: locations.join("\n    ") }));
  const started = startOn({ core: OTHER_CORE, command: "nginx", args: ["-c", file, "-p", dir] });
  const url = `http://127.0.0.1:${port}`;
  await untilAnswers(`${url}/api/pages`);
  return {
    ...started,
    port,
    url,
    async stop() {
      await started.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

interface Parts {
  readonly dir: string;
  readonly port: number;
  readonly locations: string;
}

function configuration({ dir, port, locations }: Parts): string {
  return `daemon off; master_process off; worker_processes 1; pid ${dir}/nginx.pid; error_log stderr error;
events { worker_connections 16384; }
http {
  access_log off; keepalive_requests 1000000000; open_file_cache max=100; sendfile on; tcp_nopush on;
  client_body_temp_path ${dir}/body; proxy_temp_path ${dir}/proxy; fastcgi_temp_path ${dir}/f; uwsgi_temp_path ${dir}/u; scgi_temp_path ${dir}/s;
  map $http_authorization $user { default 1; "~-0*(?<u>[0-9]+)$" $u; }
  map $args $id { default 1; "~equals(?:%22%3A|%5D=|\\]=)(?<i>[0-9]+)" $i; }
  map $args $tenant { default 1; "~in%22%3A%5B(?<t>[0-9]+)" $t; }
  map $args $named { default 1; "~%22t-(?<n>[0-9]+)%22" $n; }
  server { listen 127.0.0.1:${port} backlog=4096;
    ${locations}
  }
}
`;
}

import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort, OTHER_CORE, startOn, untilAnswers, type Started } from "./processes.ts";

/** The key that all subjects are asked with; nobody checks it but the gateway, whose upstream knows it. */
export const KEY = "5f0c7d1e-0000-4000-8000-000000000001";

/** Two kilobytes of document, as a page of a CMS is: some text, a few members, times. */
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

const USER = {
  id: 2,
  collection: "users",
  _strategy: "api-key",
  roles: ["editor"],
  tenants: [{ tenant: 1 }],
};

/** What the CMS answers, by path. `pages` is one document of 2 KB, `posts` ten of them. */
const ANSWERS: Readonly<Record<string, string>> = {
  "/api/users/me": JSON.stringify({ user: USER, message: "Account" }),
  "/api/tenants": listOf([{ id: 1, slug: "acme", installedApps: [] }]),
  "/api/pages": listOf([documentOf(1, 2_048)]),
  "/api/posts": listOf(Array.from({ length: 10 }, (_, index) => documentOf(index + 1, 2_048))),
};

/** nginx with fixed bodies in the CMS's place: it costs next to nothing, so that what is measured is what stands before it. */
export async function startUpstream(): Promise<Started & { readonly port: number; readonly url: string }> {
  const dir = mkdtempSync(join(tmpdir(), "bench-upstream-"));
  const port = await freePort();
  const locations = Object.entries(ANSWERS).map(([path, body], index) => {
    writeFileSync(join(dir, `${index}.json`), body);
    return `location = ${path} { default_type application/json; alias ${dir}/${index}.json; }`;
  });
  const file = join(dir, "nginx.conf");
  writeFileSync(file, configuration({ dir, port, locations: locations.join("\n    ") }));
  const started = startOn({ core: OTHER_CORE, command: "nginx", args: ["-c", file, "-p", dir] });
  const url = `http://127.0.0.1:${port}`;
  await untilAnswers(`${url}/api/pages`);
  return { ...started, port, url };
}

interface Parts {
  readonly dir: string;
  readonly port: number;
  readonly locations: string;
}

function configuration({ dir, port, locations }: Parts): string {
  return `daemon off; master_process off; worker_processes 1; pid ${dir}/nginx.pid; error_log stderr error;
events { worker_connections 8192; }
http {
  access_log off; keepalive_requests 1000000000; open_file_cache max=100; sendfile on; tcp_nopush on;
  client_body_temp_path ${dir}/body; proxy_temp_path ${dir}/proxy; fastcgi_temp_path ${dir}/f; uwsgi_temp_path ${dir}/u; scgi_temp_path ${dir}/s;
  server { listen 127.0.0.1:${port} backlog=4096;
    ${locations}
  }
}
`;
}

/** The proxies that an operations team would use instead, as configurations of their programs. */

export interface PeerPorts {
  readonly dir: string;
  readonly port: number;
  readonly upstream: number;
}

/**
 * nginx with `auth_request` and a cached subrequest: it verifies the key at the CMS periodically, and
 * rewrites path and tenant. It does less than the gateway: no checks of queries, no filter on responses, no
 * invalidation of keys.
 */
export function nginxAuth({ dir, port, upstream }: PeerPorts): string {
  return `daemon off; master_process off; worker_processes 1; pid ${dir}/nginx.pid; error_log stderr error;
events { worker_connections 8192; }
http {
  access_log ${dir}/access.log combined buffer=64k flush=1s;
  keepalive_requests 1000000000;
  client_body_temp_path ${dir}/body; proxy_temp_path ${dir}/proxy; fastcgi_temp_path ${dir}/f; uwsgi_temp_path ${dir}/u; scgi_temp_path ${dir}/s;
  proxy_cache_path ${dir}/cache keys_zone=keys:8m;
  upstream cms { server 127.0.0.1:${upstream}; keepalive 64; keepalive_requests 1000000000; }
  server { listen 127.0.0.1:${port} backlog=4096;
    location = /check { internal; proxy_pass http://cms/api/users/me; proxy_pass_request_body off; proxy_http_version 1.1;
      proxy_set_header Connection ""; proxy_set_header Content-Length ""; proxy_cache keys; proxy_cache_key $http_authorization; proxy_cache_valid 200 30s; }
    location ~ ^/partners/[^/]+/(?<tenant>[^/]+)/(?<collection>[a-z-]+)(?:/(?<id>[0-9]+))?$ { auth_request /check;
      proxy_pass http://cms/api/$collection?where[id][equals]=$id&$args; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_set_header x-basker-tenant-slug $tenant; proxy_set_header x-request-id $request_id; proxy_hide_header Server; }
  }
}
`;
}

/** HAProxy with the keys in a map in memory. */
export function haproxy({ dir, port, upstream }: PeerPorts): string {
  return `global
  maxconn 8192
  nbthread 1
defaults
  mode http
  timeout connect 3s
  timeout client 60s
  timeout server 30s
frontend f
  bind 127.0.0.1:${port}
  http-request set-var(txn.partner) req.hdr(authorization),word(3,' '),map_str(${dir}/keys.map)
  http-request deny deny_status 401 if !{ var(txn.partner) -m found }
  http-request set-header x-basker-tenant-slug %[path,field(4,/)]
  http-request set-query where[id][equals]=%[path,field(6,/)] if { path,field(6,/) -m found }
  http-request replace-path /partners/[^/]+/[^/]+/([a-z-]+).* /api/\\1
  default_backend cms
backend cms
  http-reuse always
  server cms 127.0.0.1:${upstream}
`;
}

/** Caddy as a pass-through. */
export function caddy({ port, upstream }: PeerPorts): string {
  return `{
  admin off
  auto_https off
  log {
    output discard
  }
}
http://127.0.0.1:${port} {
  reverse_proxy 127.0.0.1:${upstream}
}
`;
}

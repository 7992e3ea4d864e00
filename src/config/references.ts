import { isObject } from "../core/json.ts";
import type { Sources } from "./environment.ts";
import { nearestTo } from "./nearest.ts";
import type { Problem } from "./problem.ts";
import { readTls } from "./tls.ts";
import { DEFAULT_UPSTREAM, upstream, upstreams, type UpstreamSettings } from "./upstream.ts";
import { VERSIONS } from "./words.ts";

/**
 * Returns the problems of upstreams that the schema cannot find: an undefined name, an upstream without an
 * origin, unreadable certificates. Reads the raw settings, so that one message names these together with all
 * other problems.
 */
export function upstreamProblems(settings: Readonly<Record<string, unknown>>, sources: Sources): Problem[] {
  const named = record(settings["upstreams"]);
  const problems = nameProblems(settings, [DEFAULT_UPSTREAM, ...Object.keys(named)]);
  if (DEFAULT_UPSTREAM in named)
    problems.push({
      path: ["upstreams", DEFAULT_UPSTREAM],
      message: "the upstream called default is the section upstream; give it another name",
    });
  const first = upstream.safeParse(settings["upstream"] ?? {});
  if (first.success) problems.push(...problemsOf(["upstream"], first.data, sources));
  for (const [name, one] of Object.entries(upstreams.safeParse(named).data ?? {}))
    problems.push(...problemsOf(["upstreams", name], one, sources));
  return problems;
}

/** Returns the problems of undefined upstreams and versions that a setting refers to. */
function nameProblems(settings: Readonly<Record<string, unknown>>, known: readonly string[]): Problem[] {
  const { tenantUpstreams, versionUpstreams, versions } = record(settings["partners"]);
  const uses: (readonly [readonly string[], unknown])[] = [
    [["native", "upstream"], record(settings["native"])["upstream"]],
  ];
  for (const [slug, name] of Object.entries(record(tenantUpstreams)))
    uses.push([["partners", "tenantUpstreams", slug], name]);
  const problems: Problem[] = [];
  const supported = Array.isArray(versions) ? versions.map(String) : VERSIONS;
  for (const [version, name] of Object.entries(record(versionUpstreams))) {
    const path = ["partners", "versionUpstreams", version];
    uses.push([path, name]);
    if (supported.includes(version)) continue;
    const message = `${version} is no supported version; known are ${supported.join(", ")}`;
    problems.push({ path, message });
  }
  for (const [path, name] of uses) {
    if (typeof name !== "string" || known.includes(name)) continue;
    problems.push({ path, message: `there is no upstream ${name}; known are ${known.join(", ")}` });
  }
  return problems;
}

type Stated = Pick<UpstreamSettings, "targets" | "tls"> & { readonly url?: string | undefined };

function problemsOf(path: readonly string[], { url, targets, tls }: Stated, sources: Sources): Problem[] {
  const origins = [...(url === undefined ? [] : [url]), ...targets];
  const problems: Problem[] = [];
  if (origins.length === 0) problems.push(missing(path, sources));
  if (Object.keys(tls).length === 0) return problems;
  const plain = origins.find((origin) => !origin.startsWith("https:"));
  const tlsPath = [...path, "tls"];
  if (plain !== undefined)
    problems.push({ path: tlsPath, message: `${plain} is not https; change it, or remove tls` });
  try {
    readTls(tls, sources.readFile);
  } catch (error) {
    problems.push({ path: tlsPath, message: error instanceof Error ? error.message : String(error) });
  }
  return problems;
}

function missing(path: readonly string[], { env }: Sources): Problem {
  if (path.length > 1) return { path, message: "give the CMS's origin as url, or several as targets" };
  const others = Object.keys(env).filter((name) => name !== "UPSTREAM_URL");
  const misspelt = nearestTo("UPSTREAM_URL", others);
  const hint = misspelt === undefined ? "" : ` (${misspelt} is set: a typo?)`;
  const message = `set UPSTREAM_URL (or upstream.url in the file) to the CMS's origin, such as http://127.0.0.1:3000${hint}`;
  return { path: ["upstream", "url"], message };
}

function record(value: unknown): Record<string, unknown> {
  return isObject(value) ? value : {};
}

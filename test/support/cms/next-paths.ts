/** The route by which Next.js handles a request target. */
export type Route =
  | { readonly kind: "redirect"; readonly location: string }
  | { readonly kind: "html"; readonly status: number }
  | { readonly kind: "admin" }
  | { readonly kind: "graphql"; readonly path: string; readonly search: string }
  /** `path` is the path for Payload: every segment decoded once and encoded again. */
  | { readonly kind: "rest"; readonly path: string; readonly search: string };

const NOT_FOUND: Route = { kind: "html", status: 404 };

/** Does to a raw request target what Next.js 16 does before its route handlers see it (measured there). */
export function nextRoute(target: string): Route {
  // Absolute form: Next.js takes the double slash for a repeated one and redirects to the target itself.
  if (!target.startsWith("/"))
    return target.includes("//") ? { kind: "redirect", location: target } : { kind: "html", status: 400 };
  const [beforeHash = ""] = target.split("#", 1);
  const question = beforeHash.indexOf("?");
  const rawPath = question < 0 ? beforeHash : beforeHash.slice(0, question);
  const search = question < 0 ? "" : beforeHash.slice(question);

  const tidy = rawPath.replaceAll("\\", "/").replaceAll(/\/{2,}/g, "/");
  const resolved = new URL(tidy, "http://cms.invalid").pathname;
  if (tidy !== rawPath) return { kind: "redirect", location: withoutSlash(resolved) + search };
  if (resolved !== "/" && resolved.endsWith("/"))
    return { kind: "redirect", location: withoutSlash(resolved) + search };
  if (resolved === "/admin" || resolved.startsWith("/admin/")) return { kind: "admin" };
  if (resolved === "/api/graphql") return { kind: "graphql", path: resolved, search };
  if (!resolved.startsWith("/api/")) return NOT_FOUND;

  try {
    const segments = resolved.slice("/api/".length).split("/").map(decodeURIComponent);
    return { kind: "rest", path: `/api/${segments.map(encodeURIComponent).join("/")}`, search };
  } catch {
    return { kind: "html", status: 500 };
  }
}

function withoutSlash(path: string): string {
  return path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path;
}

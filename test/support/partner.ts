import type { Cms } from "./cms/server.ts";
import { KEYS, type KeyName } from "./cms/keys.ts";

/** The usual requests of a partner of tenant A, and an editor's token. */

/** A list of posts with one of the fixture's keys. */
export function readPosts(gateway: { readonly url: string }, key: KeyName): Promise<Response> {
  return fetch(`${gateway.url}/partners/2026-02/tenant-a/posts?limit=3`, {
    headers: { authorization: `users API-Key ${KEYS[key]}` },
  });
}

/** Writes a new text to one post, with partner A's key. */
export function writePost(gateway: { readonly url: string }, id: number, text: string): Promise<Response> {
  return fetch(`${gateway.url}/partners/2026-02/tenant-a/posts/${id}`, {
    method: "PATCH",
    headers: { authorization: `users API-Key ${KEYS.partnerA}`, "content-type": "application/json" },
    body: JSON.stringify({ text }),
  });
}

/** The administrator's Authorization header. */
export async function loginTo(cms: Pick<Cms, "url">): Promise<string> {
  const answer = await fetch(`${cms.url}/api/users/login`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ email: "admin@cms.test", password: "admin-password" }),
  });
  const body: unknown = await answer.json();
  if (typeof body !== "object" || body === null || !("token" in body)) throw new Error("no token");
  return `JWT ${String(body.token)}`;
}

import { isIP } from "node:net";
import * as z from "zod";

/** The basic types of settings, each with a message that says what is expected. */

export const slug = z
  .string()
  .regex(/^[a-z0-9][a-z0-9_-]*$/, { error: "expected lower-case letters, digits and hyphens" });
export const field = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, { error: "expected a field name" });
export const fieldPath = z
  .string()
  .regex(/^[A-Za-z_]\w*(?:\.\w+)*$/, { error: "expected a field path such as location.city" });
export const headerName = z
  .string()
  .regex(/^[a-z][a-z0-9-]*$/, { error: "expected a header name in lower case" });
export const port = z.coerce
  .number({ error: "expected a port number from 0 to 65535" })
  .int()
  .min(0)
  .max(65_535);
export const count = z.coerce.number({ error: "expected a whole number of at least 1" }).int().min(1);
export const prefix = z
  .string()
  .regex(/^\/(?:[\w.-]+(?:\/[\w.-]+)*)?$/, { error: "expected a path prefix such as /api" });
export const httpUrl = z
  .string()
  .refine(isOrigin, { error: "expected an origin such as http://cms.internal:3000, without a path" });
export const hostPort = z.string().regex(/^(?:[\w.-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/, {
  error: "expected host:port such as redis-1:6379",
});
export const cidr = z
  .string()
  .regex(/^[0-9a-fA-F:.]+(?:\/\d{1,3})?$/, {
    error: "expected an address or a CIDR block such as 10.0.0.0/8",
    abort: true,
  })
  .refine(isCidr, { error: "expected an address or a CIDR block such as 10.0.0.0/8" });

/** The default versions. */
export const VERSIONS = ["2025-07", "2026-02"];
/** The default collections of partners: the published ones. */
export const COLLECTIONS = [
  "pages",
  "blogs",
  "posts",
  "events",
  "people",
  "works",
  "venues",
  "series",
  "seasons",
  "organizations",
  "media",
  "files",
];
/** The default secret fields. */
export const SECRET_FIELDS = [
  "password",
  "salt",
  "hash",
  "apiKey",
  "apiKeyIndex",
  "enableAPIKey",
  "resetPasswordToken",
  "resetPasswordExpiration",
  "sessions",
  "lockUntil",
  "loginAttempts",
];
/** A date or a date and time, ISO 8601. */
export const day = z.iso.date().or(z.iso.datetime());
/** The URL of a page that explains something. */
export const link = z.url({ protocol: /^https?$/, error: "expected an http(s) URL" });

function isCidr(text: string): boolean {
  const [, address = "", bits] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const family = isIP(address);
  return family !== 0 && Number(bits ?? 0) <= (family === 6 ? 128 : 32);
}

function isOrigin(text: string): boolean {
  const url = URL.parse(text);
  return (
    url !== null &&
    /^https?:$/.test(url.protocol) &&
    url.pathname === "/" &&
    url.search === "" &&
    url.hash === "" &&
    url.username === "" &&
    url.password === ""
  );
}

import type { KEYS } from "../cms/keys.ts";

/** A request to try, and what it shows. */
export interface DemoLine {
  readonly shows: string;
  readonly status: number;
  readonly command: string;
}

/** curl lines that work as printed against a gateway at `url` in front of the seeded CMS. */
export function demoLines(url: string, keys: typeof KEYS): DemoLine[] {
  const key = (name: keyof typeof KEYS) => `-H 'Authorization: users API-Key ${keys[name]}'`;
  const json = "-H 'Content-Type: application/json'";
  const a = `${url}/partners/2026-02/tenant-a`;
  const line = (shows: string, status: number, rest: string): DemoLine => ({
    shows,
    status,
    command: `curl -g -s -w '\\n%{http_code}\\n' ${rest}`,
  });
  return [
    line(
      "a list: the newest two events of tenant A",
      200,
      `${key("partnerA")} '${a}/events?limit=2&sort=-startDate&depth=0&select[title]=true'`,
    ),
    line("a document, with its venue", 200, `${key("partnerA")} '${a}/events/1?depth=1'`),
    line(
      "a create: the tenant in the body is ignored",
      201,
      `-X POST ${key("partnerA")} ${json} -d '{"title":"Concert","startDate":"2031-05-17","tenant":3}' '${a}/events?depth=0'`,
    ),
    line(
      "an update",
      200,
      `-X PATCH ${key("partnerA")} ${json} -d '{"title":"Renamed"}' '${a}/events/2?depth=0'`,
    ),
    line(
      "a shared record of the same group can be read ...",
      200,
      `${key("partnerA")} '${a}/events/26?depth=0'`,
    ),
    line(
      "... and not written: for writes it does not exist",
      404,
      `-X PATCH ${key("partnerA")} ${json} -d '{"title":"Mine now"}' '${a}/events/26'`,
    ),
    line("another tenant's record is answered as missing", 404, `${key("partnerA")} '${a}/pages/49'`),
    line(
      "so is a tenant that the key's user does not belong to",
      404,
      `${key("partnerA")} '${url}/partners/2026-02/tenant-c/events'`,
    ),
    line("no key", 401, `'${a}/events'`),
    line("an unknown key", 401, `-H 'Authorization: users API-Key nobody' '${a}/events'`),
    line("a key on the CMS's own API", 403, `${key("partnerA")} '${url}/api/events'`),
    line("an unsupported version", 400, `${key("partnerA")} '${url}/partners/2025-10/tenant-a/events'`),
    line("an ambiguous path", 400, `--path-as-is ${key("partnerA")} '${a}/events/..%2fusers'`),
    line("a body that is not JSON", 400, `-X POST ${key("partnerA")} ${json} -d '{"title":' '${a}/events'`),
    line(
      "a body that fails validation",
      422,
      `-X POST ${key("partnerA")} ${json} -d '{"title":"No date"}' '${a}/events'`,
    ),
    line(
      "a unique value that is taken",
      409,
      `-X PATCH ${key("partnerA")} ${json} -d '{"code":"A-004"}' '${a}/events/2'`,
    ),
    line("a collection that is not exposed", 404, `${key("partnerA")} '${a}/users'`),
    line(
      "the CMS's own clients are forwarded unchanged",
      200,
      `-X POST ${json} -d '{"email":"admin@cms.test","password":"admin-password"}' '${url}/api/users/login'`,
    ),
  ];
}

/**
 * A command that tries to break the demo's isolation with the keys of two tenants. It exits with 0 if every
 * case passes.
 */
export function proveLine(url: string, { partnerA, partnerC }: typeof KEYS): string {
  const keys = `PROVE_KEY_A=${partnerA} PROVE_KEY_B=${partnerC}`;
  const who = "--tenant-a tenant-a --tenant-b tenant-c --shared events,venues";
  return `${keys} npm run -s gateway -- prove --gateway ${url} ${who}`;
}

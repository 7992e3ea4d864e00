import { ADMIN_FLAG, adminToken, adminUrl, askAdmin } from "./admin.ts";
import { EXIT, UsageError, type Command, type ParsedArguments } from "./command.ts";
import type { Io } from "./io.ts";

/** `partners-gateway purge`: calls `POST /purge` of one replica, which notifies the others. */
export const purge: Command = {
  synopsis: "(--all | --user <id> | --tenant <id> | --key)",
  about:
    "Invalidates cached data on all replicas, after the CMS's users or tenants were changed without the gateway.\n" +
    "ADMIN_TOKEN (or the file that ADMIN_TOKEN_FILE names) must be the replica's. Exits 1 also if a replica could not be\n" +
    "reached in time: its cached data expires within cache.keyTtl and cache.tenantTtl, and the answer says so.",
  flags: {
    all: { type: "boolean", help: "all cached data" },
    user: { type: "string", value: "id", help: "the cached data of a user's keys" },
    tenant: { type: "string", value: "id", help: "the cached data of a tenant" },
    key: { type: "boolean", help: "one key, read from standard input: other users can read arguments" },
    ...ADMIN_FLAG,
  },
  examples: ["ADMIN_TOKEN=... partners-gateway purge --all", "partners-gateway purge --key < key.txt"],
  async run(given, io) {
    const body = await bodyOf(given, io);
    const token = adminToken(io);
    if (token === undefined) throw new UsageError("ADMIN_TOKEN: set it to the gateway's");
    const url = adminUrl(given, io, "/purge");
    const response = await askAdmin(url, token, { method: "POST", body: JSON.stringify(body) });
    if (response === undefined) {
      io.err(`${url.origin} cannot be reached`);
      return EXIT.failed;
    }
    io.out(await response.text());
    return response.status === 200 ? EXIT.ok : EXIT.failed;
  },
};

/** Returns the request's body, which names exactly one kind of cached data. */
async function bodyOf(given: ParsedArguments, { readInput }: Pick<Io, "readInput">): Promise<object> {
  const user = given.text("user");
  const tenant = given.text("tenant");
  const asked = [given.has("all"), given.has("key"), user !== undefined, tenant !== undefined];
  if (asked.filter(Boolean).length !== 1)
    throw new UsageError("give one of --all, --user, --tenant and --key");
  if (given.has("key")) return { key: (await readInput()).trim() };
  return user !== undefined ? { user } : tenant !== undefined ? { tenant } : { all: true };
}

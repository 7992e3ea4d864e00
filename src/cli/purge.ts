import { ADMIN_FLAG, adminToken, adminUrl, askAdmin } from "./admin.ts";
import { EXIT, UsageError, type Command, type Given } from "./command.ts";
import type { Io } from "./io.ts";

/** `partners-gateway purge`: calls `POST /purge` of one replica, which tells the others. */
export const purge: Command = {
  synopsis: "(--all | --user <id> | --tenant <id> | --key)",
  about:
    "Makes all replicas forget what they know, after a change behind the gateway's back. ADMIN_TOKEN (or a file's name in\n" +
    "ADMIN_TOKEN_FILE) must be the replica's. Exit code 1 also where some replica could not be told in time: it forgets by itself within cache.keyTtl\n" +
    "and cache.tenantTtl, and the answer says so.",
  flags: {
    all: { type: "boolean", help: "everything" },
    user: { type: "string", value: "id", help: "what is known of a user's keys" },
    tenant: { type: "string", value: "id", help: "what is known of a tenant" },
    key: { type: "boolean", help: "one key, read from standard input: arguments can be read by others" },
    ...ADMIN_FLAG,
  },
  examples: ["ADMIN_TOKEN=... partners-gateway purge --all", "partners-gateway purge --key < key.txt"],
  async run(given, io) {
    const wish = await wishOf(given, io);
    const token = adminToken(io);
    if (token === undefined) throw new UsageError("ADMIN_TOKEN: set it to the gateway's");
    const url = adminUrl(given, io, "/purge");
    const response = await askAdmin(url, token, { method: "POST", body: JSON.stringify(wish) });
    if (response === undefined) {
      io.err(`${url.origin} cannot be reached`);
      return EXIT.failed;
    }
    io.out(await response.text());
    return response.status === 200 ? EXIT.ok : EXIT.failed;
  },
};

/** The body of the request: exactly one thing to forget. */
async function wishOf(given: Given, { readInput }: Pick<Io, "readInput">): Promise<object> {
  const user = given.text("user");
  const tenant = given.text("tenant");
  const asked = [given.has("all"), given.has("key"), user !== undefined, tenant !== undefined];
  if (asked.filter(Boolean).length !== 1)
    throw new UsageError("give one of --all, --user, --tenant and --key");
  if (given.has("key")) return { key: (await readInput()).trim() };
  return user !== undefined ? { user } : tenant !== undefined ? { tenant } : { all: true };
}

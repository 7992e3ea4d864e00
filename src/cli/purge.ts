import { parseArgs } from "node:util";

/** What the command is given by its process. */
export interface PurgeSurroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Everything on standard input: where a key comes from, since arguments can be read by every user of the machine. */
  readonly readInput: () => Promise<string>;
  readonly print: (text: string) => void;
}

const USAGE = `Usage: partners-gateway purge (--all | --user ID | --tenant ID | --key) [--admin-url URL]

Makes all replicas forget what they know, after a change behind the gateway's back.
  --all             everything
  --user ID         what is known of a user's keys
  --tenant ID       what is known of a tenant
  --key             one key, read from standard input
  --admin-url URL   the admin port of any replica; by default http://$ADMIN_HOST:$ADMIN_PORT
ADMIN_TOKEN must be set to that replica's. Exit status: 0 all have forgotten, 2 some could not be told in time and
forget by themselves within cache.keyTtl and cache.tenantTtl, 1 it failed.
`;

/** `partners-gateway purge`: calls `POST /purge` of one replica, which tells the others. Gives the exit status. */
export async function purgeCommand(
  args: readonly string[],
  surroundings: PurgeSurroundings,
): Promise<number> {
  const { env, print } = surroundings;
  try {
    const values = parse(args);
    const wish = values === undefined ? undefined : await wishOf(values, surroundings);
    if (values === undefined || wish === undefined) {
      print(USAGE);
      return 1;
    }
    const token = env["ADMIN_TOKEN"] ?? "";
    if (token === "") throw new Error("set ADMIN_TOKEN to the gateway's");
    const url =
      values["admin-url"] ?? `http://${env["ADMIN_HOST"] ?? "127.0.0.1"}:${env["ADMIN_PORT"] ?? 9090}`;
    const response = await fetch(new URL("/purge", url), {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify(wish),
    });
    print(`${await response.text()}\n`);
    return response.status === 200 ? 0 : response.status === 202 ? 2 : 1;
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? `: ${error.cause.message}` : "";
    print(`purge failed: ${error instanceof Error ? error.message : String(error)}${cause}\n`);
    return 1;
  }
}

interface Values {
  readonly all?: boolean | undefined;
  readonly key?: boolean | undefined;
  readonly user?: string | undefined;
  readonly tenant?: string | undefined;
  readonly "admin-url"?: string | undefined;
}

function parse(args: readonly string[]): Values | undefined {
  try {
    return parseArgs({
      args: [...args],
      options: {
        all: { type: "boolean" },
        key: { type: "boolean" },
        user: { type: "string" },
        tenant: { type: "string" },
        "admin-url": { type: "string" },
      },
    }).values;
  } catch {
    return undefined;
  }
}

/** The body of the request; `undefined` where not exactly one thing is to be forgotten. */
async function wishOf(
  { all, key, user, tenant }: Values,
  { readInput }: PurgeSurroundings,
): Promise<object | undefined> {
  const given = [all, key, user, tenant].filter((value) => value !== undefined);
  if (given.length !== 1) return undefined;
  if (key === true) return { key: (await readInput()).trim() };
  if (user !== undefined) return { user };
  return tenant === undefined ? { all: true } : { tenant };
}

import { createHmac } from "node:crypto";
import type { Cms } from "./cms/server.ts";

/**
 * Adds `count` users of tenant A to a CMS and returns their API keys. Writes directly to the database, like
 * the fixture's bulk records, since the hash of a password takes longer than the rest of a test with a user.
 */
export async function addUsers({ payload }: Cms, count: number): Promise<string[]> {
  const keys: string[] = [];
  for (let n = 0; n < count; n += 1) {
    const key = `10000000-0000-4000-8000-${String(n).padStart(12, "0")}`;
    await payload.db.create({
      collection: "users",
      data: {
        email: `many-${n}@cms.test`,
        roles: ["editor"],
        tenants: [{ id: `65000000900000000000${String(n).padStart(4, "0")}`, tenant: 1 }],
        enableAPIKey: true,
        apiKey: payload.encrypt(key),
        apiKeyIndex: createHmac("sha256", payload.secret).update(key).digest("hex"),
      },
    });
    keys.push(key);
  }
  return keys;
}

import { isObject } from "../../core/json.ts";
import type { Explanation } from "../../observe/explain/explanation.ts";
import { adminToken, adminUrl, askAdmin } from "../admin.ts";
import { UsageError, type Given } from "../command.ts";
import type { Io } from "../io.ts";

/** Flags that say what request to make up: of a past one, nothing is left to say. */
const OF_NEW = ["config", "key-env", "body"];

/** A past request, as the gateway kept it; `undefined`, and the reason printed, where it cannot be told. */
export async function explainPast(given: Given, io: Io): Promise<Explanation | undefined> {
  const id = given.text("request") ?? "";
  const isMixed = OF_NEW.some((name) => given.text(name) !== undefined) || given.has("send");
  if (given.positionals.length > 0 || given.texts("header").length > 0 || isMixed)
    throw new UsageError(
      "--request names a past request: give --admin-url and --json with it, and nothing else",
    );
  if (!/^[\w-]{1,64}$/.test(id))
    throw new UsageError(
      `--request ${id}: expected the requestId of an answer, such as 8d0c3a52-0f1e-4c5b-9a57-6c1f0e7d2b44`,
    );
  const url = adminUrl(given, io, `/explain/${id}`);
  const response = await askAdmin(url, adminToken(io));
  if (response === undefined) {
    io.err(`${url.origin} cannot be reached: name the gateway's admin port with --admin-url`);
    return undefined;
  }
  const body: unknown = await response.json().catch(() => undefined);
  if (response.status === 200 && isExplanation(body)) return body;
  const message = isObject(body) && typeof body["message"] === "string" ? body["message"] : "";
  io.err(
    message === "" ? `${url.origin} does not answer as a gateway's admin port: ${response.status}` : message,
  );
  return undefined;
}

function isExplanation(body: unknown): body is Explanation {
  return isObject(body) && Array.isArray(body["steps"]) && typeof body["verdict"] === "string";
}

import t from "tap";
import type { Permitted } from "../../../src/core/context.ts";
import { GatewayError } from "../../../src/core/errors.ts";
import { createPrepare } from "../../../src/partners/stages/forward.ts";

/**
 * Returns the error code for a request with a URL of `length` characters as sent, and of `meant` as built.
 */
function codeOf(length: number, meant: number = length): string {
  const form = (size: number) => ({ method: "GET" as const, target: "x".repeat(size), headers: [] });
  const cms = { outgoing: () => ({ ...form(meant), ...(meant !== length && { sentAs: form(length) }) }) };
  const request = { note: {}, version: { name: "2026-02" }, path: { query: "" } };
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the stage reads these members only
    createPrepare({ cms, maxUrl: 100 })(request as unknown as Permitted);
    return "prepared";
  } catch (error) {
    return error instanceof GatewayError ? error.code : String(error);
  }
}

t.test("rejects a URL over the limit as malformed, unless the request is sent in another form", async (t) => {
  t.equal(codeOf(100), "prepared");
  t.equal(codeOf(101), "request.malformed");
  t.equal(codeOf(20, 500), "prepared");
});

import t from "tap";
import type { Permitted } from "../../../src/core/context.ts";
import { GatewayError } from "../../../src/core/errors.ts";
import { createPrepare } from "../../../src/stages/forward.ts";

/** The code of what a request comes to whose URL has so many characters of ours and so many of the client's. */
function codeOf(ours: number, theirs: number): string {
  const cms = {
    outgoing: ({ query }: { readonly query: string }) => ({
      method: "GET" as const,
      target: "x".repeat(ours + query.length),
      headers: [],
    }),
  };
  const request = { note: {}, version: { name: "2026-02" }, path: { query: "y".repeat(theirs) } };
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- all that the stage looks at
    createPrepare({ cms, maxUrl: 100 })(request as unknown as Permitted);
    return "prepared";
  } catch (error) {
    return error instanceof GatewayError ? error.code : String(error);
  }
}

t.test("a URL that is too long is the client's mistake only where its query made it so", async (t) => {
  t.equal(codeOf(40, 60), "prepared");
  t.equal(codeOf(40, 61), "request.malformed");
  t.equal(codeOf(100, 1), "request.malformed");
  t.equal(codeOf(101, 0), "gateway.fault");
  t.equal(codeOf(200, 10), "gateway.fault");
});

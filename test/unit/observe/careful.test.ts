import t from "tap";
import { shownCause } from "../../../src/observe/explain/careful.ts";

t.test("of a cause the kind is shown, and only the words that are the gateway's or a system's", async (t) => {
  const quoting = new SyntaxError('Unexpected token, "a document" is not valid JSON');
  t.equal(shownCause(quoting), "SyntaxError");
  const system = Object.assign(new Error("connect ECONNREFUSED 127.0.0.1:1"), { code: "ECONNREFUSED" });
  t.equal(shownCause(system), "ECONNREFUSED connect ECONNREFUSED 127.0.0.1:1");
  t.equal(shownCause("no whole answer in 20 ms"), "no whole answer in 20 ms");
  t.equal(
    shownCause({ status: 500, contentType: "text/html", begins: "a document" }),
    "status 500, contentType text/html",
  );
  t.equal(shownCause(undefined), "");
});

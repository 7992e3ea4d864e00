import t from "tap";
import { GatewayError } from "../../../src/core/errors.ts";
import { bench, settled } from "./bench.ts";

// The gateway confirms a cached fact if the CMS has refused a request that the fact should allow.

t.test("a cached fact stays valid while it is confirmed, and the new answer replaces it", async (t) => {
  const { find, confirm, answer, asked, pass } = bench();
  void find("a");
  await answer({ of: "a", text: "old" });
  pass(900);
  const confirmed = confirm("a");
  await settled();
  t.equal(asked.length, 2);
  t.match(
    await find("a"),
    { value: { text: "old" }, via: "memory" },
    "other calls do not wait for the confirmation",
  );
  await answer({ of: "a", text: "new" });
  t.strictSame(await confirmed, { value: { of: "a", text: "new" }, via: "cms" });
  pass(999);
  t.match(
    await find("a"),
    { value: { text: "new" }, via: "memory" },
    "its lifetime starts when the lookup was sent",
  );
});

t.test("concurrent confirmations of one name share one lookup; other names have their own", async (t) => {
  const { confirm, answer, asked, pass } = bench();
  const all = [confirm("a"), confirm("a"), confirm("a")];
  void confirm("b");
  await settled();
  t.strictSame(asked, ["a", "b"]);
  await answer({ of: "a", text: "one" });
  t.match(await Promise.all(all), [{ value: { text: "one" } }, { value: { text: "one" } }, {}]);
  t.match(await confirm("a"), { value: { text: "one" } });
  t.strictSame(asked, ["a", "b"], "a call soon after reuses the answer");
  await answer({ of: "b" });
  pass(5_000);
  const later = confirm("a");
  await answer(undefined);
  t.strictSame(await later, { value: undefined, via: "cms" });
  t.strictSame(asked, ["a", "b", "a"]);
});

t.test("a fact that no longer exists is published once and is then absent", async (t) => {
  const gone: string[] = [];
  const { find, confirm, answer, pass } = bench({}, { onGone: (name) => void gone.push(name) });
  void find("a");
  await answer({ of: "a" });
  const first = confirm("a");
  await answer({ of: "a" });
  await first;
  t.strictSame(gone, [], "the fact still exists");
  pass(5_000);
  const all = [confirm("a"), confirm("a"), confirm("a")];
  await answer(undefined);
  await Promise.all(all);
  t.strictSame(gone, ["a"]);
  t.equal((await find("a")).value, undefined);
});

t.test("an answer to a confirmation from before a flush is not cached", async (t) => {
  const { store, find, confirm, answer, asked } = bench();
  void confirm("a");
  await settled();
  store.flush();
  await answer({ of: "a", text: "what was withdrawn" });
  void find("a");
  await settled();
  t.equal(asked.length, 2);
});

t.test(
  "a failed confirmation keeps the cached fact, and an aborted call does not affect the others",
  async (t) => {
    const { find, confirm, answer, fail } = bench();
    void find("a");
    await answer({ of: "a" });
    const failed = confirm("a").catch((error: GatewayError) => error.code);
    const leaving = new AbortController();
    const left = confirm("a", { signal: leaving.signal });
    leaving.abort(new GatewayError("request.stalled"));
    await t.rejects(left, { code: "request.stalled" });
    await fail(new GatewayError("key.unverifiable"));
    t.equal(await failed, "key.unverifiable");
    t.match(await find("a"), { value: { of: "a" }, via: "memory" });
    const again = confirm("a");
    await answer({ of: "a" });
    t.match(await again, { value: { of: "a" } }, "a failed lookup is repeated at once");
    const gone = confirm("b", { signal: leaving.signal });
    await t.rejects(gone, { code: "request.stalled" });
    await fail(new GatewayError("key.unverifiable"));
  },
);

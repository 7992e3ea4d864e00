import t from "tap";
import { GatewayError } from "../../../src/core/errors.ts";
import { bench, settled } from "./bench.ts";

// What is remembered is put to the CMS once more: it has refused what such a fact should allow.

t.test("a fact is asked for again while it goes on counting, and the later answer counts", async (t) => {
  const { find, confirm, answer, asked, pass } = bench();
  void find("a");
  await answer({ of: "a", text: "old" });
  pass(900);
  const confirmed = confirm("a");
  await settled();
  t.equal(asked.length, 2);
  t.match(await find("a"), { value: { text: "old" }, via: "memory" }, "nobody else waits for it");
  await answer({ of: "a", text: "new" });
  t.strictSame(await confirmed, { value: { of: "a", text: "new" }, via: "cms" });
  pass(999);
  t.match(await find("a"), { value: { text: "new" }, via: "memory" }, "for a life from when it was asked");
});

t.test("however many ask again, one question is under way; other names do not wait for it", async (t) => {
  const { confirm, answer, asked, pass } = bench();
  const all = [confirm("a"), confirm("a"), confirm("a")];
  void confirm("b");
  await settled();
  t.strictSame(asked, ["a", "b"]);
  await answer({ of: "a", text: "one" });
  t.match(await Promise.all(all), [{ value: { text: "one" } }, { value: { text: "one" } }, {}]);
  t.match(await confirm("a"), { value: { text: "one" } });
  t.strictSame(asked, ["a", "b"], "nor does one who asks soon after have one of its own");
  await answer({ of: "b" });
  pass(5_000);
  const later = confirm("a");
  await answer(undefined);
  t.strictSame(await later, { value: undefined, via: "cms" });
  t.strictSame(asked, ["a", "b", "a"]);
});

t.test("where there is no such fact any longer, all are told once, and it is not there", async (t) => {
  const gone: string[] = [];
  const { find, confirm, answer, pass } = bench({}, { onGone: (name) => void gone.push(name) });
  void find("a");
  await answer({ of: "a" });
  const first = confirm("a");
  await answer({ of: "a" });
  await first;
  t.strictSame(gone, [], "still somebody's");
  pass(5_000);
  const all = [confirm("a"), confirm("a"), confirm("a")];
  await answer(undefined);
  await Promise.all(all);
  t.strictSame(gone, ["a"]);
  t.equal((await find("a")).value, undefined);
});

t.test("an answer from before a flush is not remembered", async (t) => {
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
  "what the CMS cannot say leaves everything as it was, and who leaves takes nobody along",
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
    t.match(await again, { value: { of: "a" } }, "what failed is asked again at once");
    const gone = confirm("b", { signal: leaving.signal });
    await t.rejects(gone, { code: "request.stalled" });
    await fail(new GatewayError("key.unverifiable"));
  },
);

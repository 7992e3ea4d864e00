import t from "tap";
import { Flights } from "../../../src/upstream/flights.ts";

const flight = (key: string, name = key) => ({ key, name });

t.test("what was added is found by its key alone, until it is removed", async (t) => {
  const flights = new Flights<{ key: string; name: string }>();
  // More than there are buckets: some share one.
  const all = Array.from({ length: 2_000 }, (_, i) =>
    flight(`GET /api/pages?where=${i}\nauthorization: key ${i % 7}`),
  );
  for (const one of all) flights.add(one);
  t.ok(all.every((one) => flights.find(one.key) === one));
  t.equal(flights.find("GET /api/pages?where=2000"), undefined);
  for (const one of all.filter((_, i) => i % 2 === 0)) flights.delete(one);
  t.ok(all.every((one, i) => flights.find(one.key) === (i % 2 === 0 ? undefined : one)));
});

t.test("one is removed and not another that has come under its key since", async (t) => {
  const flights = new Flights<{ key: string; name: string }>();
  const [first, second] = [flight("k", "first"), flight("k", "second")];
  flights.add(first);
  flights.delete(first);
  flights.add(second);
  flights.delete(first);
  t.equal(flights.find("k"), second);
});

t.test("nothing is found after all was forgotten, and what is added then is", async (t) => {
  const flights = new Flights<{ key: string; name: string }>();
  const all = Array.from({ length: 600 }, (_, i) => flight(`${i}`));
  for (const one of all) flights.add(one);
  flights.clear();
  t.ok(all.every(({ key }) => flights.find(key) === undefined));
  const [one = flight("0")] = all;
  flights.delete(one);
  flights.add(one);
  t.equal(flights.find("0"), one);
});

t.test("keys whose texts meet in one bucket, or in one hash, are still two", async (t) => {
  const flights = new Flights<{ key: string; name: string }>();
  // 31 * "A" + "a" is 31 * "B" + "B": the hash of both is the same.
  const [one, other] = [flight("Aa"), flight("BB")];
  flights.add(one);
  t.equal(flights.find("BB"), undefined);
  flights.add(other);
  t.strictSame([flights.find("Aa"), flights.find("BB")], [one, other]);
  flights.delete(one);
  t.strictSame([flights.find("Aa"), flights.find("BB")], [undefined, other]);
});

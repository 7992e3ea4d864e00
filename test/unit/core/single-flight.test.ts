import t from "tap";
import { SingleFlights } from "../../../src/core/async/single-flight.ts";

const flight = (key: string, name = key) => ({ key, name });

t.test("a flight is found by its own key only, until it is removed", async (t) => {
  const flights = new SingleFlights<{ key: string; name: string }>();
  // These are enough flights to replace the Map several times.
  const all = Array.from({ length: 2_000 }, (_, i) =>
    flight(`GET /api/pages?where=${i}\nauthorization: key ${i % 7}`),
  );
  for (const one of all) flights.add(one);
  t.ok(all.every((one) => flights.find(one.key) === one));
  t.equal(flights.find("GET /api/pages?where=2000"), undefined);
  for (const one of all.filter((_, i) => i % 2 === 0)) flights.delete(one);
  t.ok(all.every((one, i) => flights.find(one.key) === (i % 2 === 0 ? undefined : one)));
});

t.test("removing a flight does not remove a later one with the same key", async (t) => {
  const flights = new SingleFlights<{ key: string; name: string }>();
  const [first, second] = [flight("k", "first"), flight("k", "second")];
  flights.add(first);
  flights.delete(first);
  flights.add(second);
  flights.delete(first);
  t.equal(flights.find("k"), second);
});

t.test("a long flight is still found after thousands of short ones", async (t) => {
  const flights = new SingleFlights<{ key: string; name: string }>();
  const staying = Array.from({ length: 5 }, (_, i) => flight(`stays ${i}`));
  for (const one of staying) flights.add(one);
  for (let i = 0; i < 5_000; i += 1) {
    const one = flight(`passes ${i}`);
    flights.add(one);
    flights.delete(one);
  }
  t.ok(staying.every((one) => flights.find(one.key) === one));
  t.equal(flights.find("passes 4999"), undefined);
});

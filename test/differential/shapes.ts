import * as fc from "fast-check";

import { reference, type Data, type Value } from "./steps.ts";

/** The parts of the generators of values. */

export type Values = fc.Arbitrary<Value>;
export type Fields = Readonly<Record<string, Values>>;

/** Short texts, some of them unusual. */
export const text: Values = fc.constantFrom(
  "",
  "one",
  "two",
  "Füße 👣",
  "a,b",
  "<b>&amp;</b>",
  "null",
  "1",
  " x ",
  "\u0000".repeat(0),
);
/** ISO 8601 dates and times. */
export const moment: Values = fc.constantFrom(
  "2026-05-01T00:00:00.000Z",
  "2026-05-01",
  "1969-12-31T23:59:59.999Z",
  "9999-12-31T23:59:59.999Z",
);

export function to(...collections: string[]): Values {
  return fc
    .tuple(fc.constantFrom(...collections), fc.nat({ max: 4 }))
    .map(([collection, nth]) => reference(collection, nth));
}

export function toAny(...collections: string[]): Values {
  return fc
    .tuple(fc.constantFrom(...collections), fc.nat({ max: 4 }))
    .map(([collection, nth]) => ({ relationTo: collection, value: reference(collection, nth) }));
}

export function some(one: Values, maxLength = 3): Values {
  return fc.array(one, { maxLength });
}

export function record(fields: Fields, required: readonly string[] = []): fc.Arbitrary<Data> {
  const rare = Object.fromEntries(
    Object.entries(fields).map(([name, values]) => [
      name,
      required.includes(name) ? values : fc.option(values, { freq: 9 }),
    ]),
  );
  return fc.record<Record<string, Value>>(rare, { requiredKeys: [...required] });
}

/** A few of the fields, so that a body stays readable. */
export function few(fields: Fields, max: number): fc.Arbitrary<Data> {
  return fc
    .subarray(Object.keys(fields), { maxLength: max })
    .chain((names) => record(Object.fromEntries(names.map((name) => [name, fields[name] ?? text])), names));
}

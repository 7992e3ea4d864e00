declare const brand: unique symbol;

/**
 * A `T` that only the file with the check for `Name` may mint. `test/repo/evidence.test.ts` lists that file
 * for each name, so that no other file can create the value without the check.
 */
export type Branded<T, Name extends string> = T & { readonly [brand]: Name };

/** Declares that `value` has passed the check for `B`. Call it as `mint<B>(...)`, never with `B` inferred. */
export function mint<B extends { readonly [brand]: string }>(value: Omit<B, typeof brand>): B {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the only place that creates branded values
  return value as unknown as B;
}

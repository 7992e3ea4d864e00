declare const brand: unique symbol;

/**
 * A `T` that only the file which does the check behind `Name` may mint. `test/repo/evidence.test.ts` holds which file
 * that is for each name, so that evidence cannot be forged elsewhere.
 */
export type Branded<T, Name extends string> = T & { readonly [brand]: Name };

/** Declares that the check behind `B` has been done on `value`. Call it as `mint<B>(...)`, never with `B` inferred. */
export function mint<B extends { readonly [brand]: string }>(value: Omit<B, typeof brand>): B {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the one place where evidence comes into being
  return value as unknown as B;
}

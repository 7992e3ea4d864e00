/**
 * Which test files V8's block coverage is taken of. It counts each block of all that a process loads, the CMS included,
 * and so takes twice the processor time. The files below only repeat what other tests reach, with many more inputs.
 */
const REPEATS =
  /adversarial.(partners|tenant)-|e2e.prove-mutants|integration.(isolation-(?!members)|soak|cms-fixture|support)/;

/** tap's form of it: `null` for no coverage, an empty list for that of all sources. */
export default function coverageOf(file: string): null | string[] {
  return REPEATS.test(file) ? null : [];
}

/**
 * Which test files V8's block coverage is taken of. It counts each block of all that a process loads, the CMS included,
 * and so takes twice the processor time. The files below only repeat what others reach, with other inputs: together
 * they would add less than a third of a percent. Each word begins a file's name below its folder.
 */
const REPEATS: Readonly<Record<string, string>> = {
  adversarial: "client-crowds key-flood native-anything native-keyed partners- tenant-",
  e2e: "demo heap newcomer prove-group prove-mutants remains rolling-restart strict-parser workers.",
  integration:
    "cms-fixture contract-edges contract-keys contract-order contract-queries contract-routes contract-scope " +
    "contract-tenants failure-table isolation- native-cms openapi-client redis-losses redis-partition " +
    "redis-revocation redis-secrets redis-start reload-lookups shutdown soak status-page targets. workers-",
  repo: "",
  types: "",
};

/** tap's form of it: `null` for no coverage, an empty list for that of all sources. */
export default function coverageOf(file: string): null | string[] {
  const [, folder = "", name = ""] = /([^/\\]+)[/\\]([^/\\]+)$/.exec(file) ?? [];
  const isRepeat = REPEATS[folder]?.split(" ").some((word) => name.startsWith(word)) ?? false;
  return isRepeat ? null : [];
}

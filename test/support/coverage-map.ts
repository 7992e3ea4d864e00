/**
 * The test files for which V8's block coverage is measured. It counts each block of all code in a process,
 * including the CMS, and so doubles the CPU time. These files cover all but 1.5 percent of the lines that all
 * files cover; the others take the same paths with other inputs. Each word begins a file's name in its
 * folder.
 */
const REACHING: Readonly<Record<string, string>> = {
  adversarial:
    "client-floods native-backpressure native-bad-origin native-smuggling native-target stranger-writes " +
    "trusted-proxies",
  e2e: "audit cli explain log-lost loop prove-runs terminal tracing wrong-settings",
  integration:
    "admin-port faithful known-keys native-observed openapi.test redis-clocks redis-cluster redis-forget redis-records references " +
    "service-key silent-cms tripwire upstream versions-renamed",
};

/** tap's form of it: `null` for no coverage, an empty list for the coverage of all sources. */
export default function coverageOf(file: string): null | string[] {
  const [, folder = "", name = ""] = /([^/\\]+)[/\\]([^/\\]+)$/.exec(file) ?? [];
  const isReaching =
    REACHING[folder]?.split(" ").some((word) => name.startsWith(word)) ?? /[/\\]unit[/\\]/.test(file);
  return isReaching ? [] : null;
}

/**
 * Which test files V8's block coverage is taken of. It counts each block of all that a process loads, the CMS included,
 * and so takes twice the processor time. These files together reach all but one percent and a half of the lines that all
 * files reach; the others only come by the same ways with other inputs. Each word begins a file's name in its folder.
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

/** tap's form of it: `null` for no coverage, an empty list for that of all sources. */
export default function coverageOf(file: string): null | string[] {
  const [, folder = "", name = ""] = /([^/\\]+)[/\\]([^/\\]+)$/.exec(file) ?? [];
  const isReaching =
    REACHING[folder]?.split(" ").some((word) => name.startsWith(word)) ?? /[/\\]unit[/\\]/.test(file);
  return isReaching ? [] : null;
}

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";

/** Exported names: each has one meaning, and none is a word of a dialect in place of the field's term. */

const src = join(import.meta.dirname, "../../src");

/** The words of a dialect that the project had, each with the term that it now uses. */
const TERMS: Readonly<Record<string, string>> = {
  House: "ConfigReloader",
  Generation: "ConfigSnapshot",
  Facility: "UpstreamContext",
  Lasting: "ProcessServices",
  Surroundings: "ProcessDeps",
  Remembering: "CachedLookups",
  Answers: "AdminApi",
  Places: "FairSemaphore or RedisKeys",
  narrow: "bulkhead",
  travel: "sendWithRetry",
  Errand: "Attempt",
  Doorkeeper: "UnknownKeyLimiter",
  Marked: "Tagged",
  Via: "Tier",
  Gate: "RedisBreaker",
  Link: "InvalidationBus",
  Deliveries: "PendingAcks",
  within: "withTimeout",
  Crowd: "SwapRemoveSet",
  Holdings: "CountMap",
  Flight: "SingleFlight",
  Rounds: "BatchCoalescer",
  Lifetime: "CancellationSource",
  atTurnsEnd: "scheduleEndOfTick",
  endTurn: "flushTick",
  Asking: "LookupContext",
  Note: "AccessLogFields",
  inShare: "inLimits",
  Door: "RequestRouter",
  Ways: "Routes",
  Visit: "Exchange",
  Backlog: "AcceptBatcher",
  Happenings: "Events",
  Tally: "Counters",
  Finding: "AuditFinding",
};

/** The files in which each name is exported. */
function exportsOf(): ReadonlyMap<string, readonly string[]> {
  const places = new Map<string, readonly string[]>();
  const files = readdirSync(src, { recursive: true, encoding: "utf8" }).filter((name) =>
    /\.(?:ts|js)$/.test(name),
  );
  for (const file of files) {
    const declared = readFileSync(join(src, file), "utf8").matchAll(
      /^export (?:abstract )?(?:class|interface|type|function|const|async function) (\w+)/gm,
    );
    for (const [, name = ""] of declared) places.set(name, [...(places.get(name) ?? []), file]);
  }
  return places;
}

t.test("an exported name means one thing", async (t) => {
  const places = exportsOf();
  t.ok(places.size > 300, "there are exported names");
  for (const [name, files] of places)
    t.equal(files.length, 1, `${name} is exported by ${files.join(" and ")}`);
});

t.test("an exported name is the field's term", async (t) => {
  const places = exportsOf();
  for (const [name, term] of Object.entries(TERMS)) t.notOk(places.has(name), `${name} is called ${term}`);
});

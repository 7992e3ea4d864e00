import t from "tap";
import { partOf, workersOf } from "../../../src/config/part.ts";
import { configFor } from "../../support/gateway.ts";

t.test(
  "limits that protect the CMS and the machine are divided and rounded up; all others are unchanged",
  async (t) => {
    const config = configFor("http://cms.test:1", {
      server: { workers: "auto", maxConnections: 10 },
      upstream: { connections: 7, queue: 1, keyLookups: 4 },
      upstreams: { old: { url: "http://old.test:1", connections: 9 } },
      limits: { inFlight: 100, inFlightPerKey: 50 },
      cache: { lookupsPerSecond: 50, keys: 1_000 },
    });
    t.equal(workersOf(config, 3), 3);
    const part = partOf(config, 3);
    t.match(part, {
      server: { maxConnections: 4 },
      upstream: { connections: 3, queue: 1, keyLookups: 2 },
      upstreams: { old: { connections: 3, queue: 86 } },
      limits: { inFlight: 34, inFlightPerKey: 50 },
      cache: { lookupsPerSecond: 17, keys: 1_000 },
    });
    t.strictSame(partOf(config, 1), config, "one worker gets the whole limits");
    t.equal(workersOf(configFor("http://cms.test:1", {}), 8), 1, "the default is one worker");
  },
);

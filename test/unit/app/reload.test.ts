import t from "tap";
import { reloadable } from "../../../src/app/config-reloader.ts";
import { configFor } from "../../support/gateway.ts";

const configOf = (settings: Record<string, unknown>) => configFor("http://cms.internal:3000", settings);

t.test("what only a restart changes stays as it is, and is named", async (t) => {
  const before = configOf({ server: { drainTimeout: "5s" }, log: { format: "json", level: "warn" } });
  const after = configOf({
    server: { drainTimeout: "6s" },
    cache: { keyTtl: "1s" },
    redis: { url: "redis://127.0.0.1:6379" },
    log: { format: "pretty", level: "debug" },
    partners: { deadline: "7s" },
  });
  const { config, needRestart } = reloadable(before, after);
  t.strictSame(needRestart.toSorted(), ["cache.keyTtl", "log.format", "redis.url", "server.drainTimeout"]);
  t.match(config, {
    server: { drainTimeout: 5_000 },
    cache: { keyTtl: 30_000 },
    redis: { url: undefined },
    log: { format: "json", level: "debug" },
    partners: { deadline: 7_000 },
  });
});

t.test("nothing is named where nothing has changed", async (t) => {
  t.strictSame(reloadable(configOf({}), configOf({})).needRestart, []);
});

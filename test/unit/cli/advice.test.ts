import t from "tap";
import { advise } from "../../../src/cli/audit/advice.ts";
import { loadConfig } from "../../../src/config/load.ts";

t.test("each piece of advice appears exactly if it applies to the configuration", async (t) => {
  const best = {
    UPSTREAM_URL: "http://cms.internal:3000",
    CMS_SERVICE_KEY: "k",
    CONFIG_FILE: "x",
  };
  const yaml = (more: string) =>
    `cms: {relations: {events: {venue: venues}}, virtualFields: {events: {at: venue.title}}}\nserver: {drainDelay: 5s${more}}\n`;
  const checksOf = (more: string, rest: string, env: Record<string, string> = {}) =>
    advise(loadConfig({ env: { ...best, ...env }, readFile: () => yaml(more) + rest })).map(
      ({ check, severity }) => `${check} ${severity}`,
    );
  t.strictSame(checksOf("", ""), ["config ok"]);
  t.strictSame(checksOf(", trustedProxies: ['0.0.0.0/0']", ""), ["config.trusted-proxies high"]);
  t.strictSame(checksOf("", "", { UPSTREAM_URL: "http://cms.example.com" }), [
    "config.plain-upstream medium",
  ]);
  for (const url of ["https://cms.example.com", "http://10.1.2.3", "http://[::1]:3000", "http://cms:3000"])
    t.strictSame(checksOf("", "", { UPSTREAM_URL: url }), ["config ok"], url);
  t.strictSame(checksOf("", "", { REDIS_URL: "redis://r" }), ["config.redis-secret medium"]);
  t.strictSame(checksOf(", reusePort: true", ""), ["config.replicas-redis medium"]);
  t.strictSame(checksOf("", "upstream: {deadline: 30s}"), ["config.deadlines medium"]);
  t.strictSame(checksOf("", "", { CMS_SERVICE_KEY: "" }), ["config.service-key low"]);
  t.strictSame(checksOf("", "", { ADMIN_HOST: "0.0.0.0" }), ["config.admin-open low"]);
  t.strictSame(checksOf("", "native: {prefixes: [/]}"), ["config.native-everything low"]);
  t.strictSame(checksOf("", "upstreams: {old: {url: 'http://old.example.com'}}"), [
    "config.plain-upstream medium",
  ]);
  t.strictSame(checksOf("", "upstreams: {old: {url: 'http://old', deadline: 30s}}"), [
    "config.deadlines medium",
  ]);
  for (const open of ["native: {keys: observe}", "native: {targets: observe}", "partners: {tripwire: off}"])
    t.strictSame(checksOf("", open), ["config.observing medium"], open);
  const slip =
    "cms: {relations: {event: {venue: venues}, venues: {owner: people}, tags: {of: tags}}, virtualFields: {events: {at: venue.title}}}\nserver: {drainDelay: 5s}";
  const [misnamed] = advise(loadConfig({ env: best, readFile: () => slip }));
  t.match(misnamed, { check: "config.fields-of-nothing", severity: "low", seen: /declared for event,/ });
  const bare = advise(loadConfig({ env: { UPSTREAM_URL: best.UPSTREAM_URL }, readFile: () => "" }));
  t.strictSame(
    bare.map(({ check }) => check),
    ["config.service-key", "config.virtual-fields", "config.drain-delay", "config.relations"],
  );
  t.ok(
    bare.every(({ change }) => change !== undefined),
    "each piece of advice says what to change",
  );
});

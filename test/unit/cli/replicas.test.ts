import t from "tap";
import { addressProblem } from "../../../src/cli/address.ts";
import { replicaWarnings } from "../../../src/cli/replicas.ts";
import { configFor } from "../../support/gateway.ts";

const configOf = (server: Record<string, unknown>, redis: Record<string, unknown> = {}) =>
  configFor("http://cms.test:1", { server, redis }, { PORT: "8080" });

/** A machine whose `tcp_migrate_req` is `value`; without one the kernel has no such setting. */
const machine = (value?: string) => ({
  readFile: (path: string) => {
    if (value === undefined || path !== "/proc/sys/net/ipv4/tcp_migrate_req") throw new Error("ENOENT");
    return `${value}\n`;
  },
});

const warned = (config: ReturnType<typeof configOf>, io: ReturnType<typeof machine>) =>
  replicaWarnings(config, io).map(({ setting }) => setting);

t.test("replicas that share a port are warned of missing Redis and of a kernel that resets", async (t) => {
  const [shared, redis] = [{ reusePort: true }, { url: "redis://redis:6379" }];
  t.strictSame(warned(configOf({}), machine()), [], "one gateway");
  t.strictSame(warned(configOf(shared, redis), machine("1")), []);
  t.strictSame(warned(configOf(shared), machine("1")), ["redis.url"]);
  for (const io of [machine("0"), machine()])
    t.strictSame(warned(configOf(shared, redis), io), ["net.ipv4.tcp_migrate_req"]);
  t.strictSame(warned(configOf(shared), machine("0")), ["redis.url", "net.ipv4.tcp_migrate_req"]);
});

t.test("an error of listening names the setting to change", async (t) => {
  const config = configOf({ reusePort: true });
  const failed = (code: string) =>
    String(addressProblem(Object.assign(new Error(code), { code, syscall: "listen", port: 8080 }), config));
  t.match(
    failed("ENOTSUP"),
    /server\.reusePort: this platform has no ports that processes share .* set it to false/,
  );
  t.match(failed("EADDRINUSE"), /server\.port .* is taken .* Replicas share a port if each of them has/);
});

import { readFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { parse, parseAllDocuments } from "yaml";
import { DRAIN_GRACE_MS } from "../../src/cli/exit.ts";
import { ENVIRONMENT, SECRET_VARIABLES } from "../../src/config/environment.ts";
import { loadConfig } from "../../src/config/load.ts";
import type { Config } from "../../src/config/schema.ts";
import { isObject } from "../../src/core/json.ts";

/** Compares the shipped deployment files with the code: ports, variables, probe paths, drain, user. */

const root = join(import.meta.dirname, "../..");
const read = (path: string): string => readFileSync(join(root, path), "utf8");
const KUBERNETES = ["configuration", "deployment", "availability", "network-policy"];
const VARIABLES = new Set([
  ...Object.keys(ENVIRONMENT),
  ...SECRET_VARIABLES.map((name) => `${name}_FILE`),
  "CONFIG_FILE",
]);
const dockerfile = read("Dockerfile");

/** The member at the end of a path of names and indices, of any type. */
function at(value: unknown, ...path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>(
    (inner, step) =>
      Array.isArray(inner) ? inner[Number(step)] : isObject(inner) ? inner[String(step)] : undefined,
    value,
  );
}

const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

const manifests = KUBERNETES.flatMap((name) =>
  parseAllDocuments(read(`config/kubernetes/${name}.yaml`)).map((document): unknown => {
    t.strictSame(document.errors, [], name);
    return document.toJS();
  }),
);
const ofKind = (kind: string): unknown[] => manifests.filter((manifest) => at(manifest, "kind") === kind);
const [deployment] = ofKind("Deployment");
const pod = at(deployment, "spec", "template", "spec");
const container = at(pod, "containers", 0);
const config = load({ CONFIG_FILE: "x" }, String(at(ofKind("ConfigMap")[0], "data", "gateway.yaml")));

function load(env: Record<string, string>, yaml: string): Config {
  return loadConfig({ env, readFile: () => yaml });
}

t.test("the shipped configurations are valid and name their schema for editors", async (t) => {
  for (const path of ["config/production.example.yaml", "config/default.yaml"]) {
    t.match(read(path), /^# yaml-language-server: \$schema=\.\/schema\.json\n/);
    t.ok(load({ CONFIG_FILE: "x", UPSTREAM_URL: "http://cms:3000" }, read(path)), path);
  }
  t.match(load({ CONFIG_FILE: "x" }, read("config/production.example.yaml")), {
    upstream: { url: "http://cms:3000" },
    redis: { url: "redis://redis:6379", prefix: "partners-gateway" },
    log: { level: "info" },
  });
});

t.test("the pod sets only variables that the gateway reads, and its mounts exist", async (t) => {
  const env = list(at(container, "env"));
  const mounts = list(at(container, "volumeMounts")).map((mount) => String(at(mount, "mountPath")));
  for (const variable of env) {
    const [name, value] = [String(at(variable, "name")), String(at(variable, "value"))];
    t.ok(VARIABLES.has(name), name);
    if (name.endsWith("_FILE"))
      t.ok(
        mounts.some((mount) => value.startsWith(`${mount}/`)),
        value,
      );
  }
  const mounted = list(at(container, "volumeMounts")).map((mount) => at(mount, "name"));
  t.strictSame(
    mounted,
    list(at(pod, "volumes")).map((volume) => at(volume, "name")),
  );
  const made = read("config/kubernetes/configuration.yaml");
  for (const [, key] of read("config/kubernetes/deployment.yaml").matchAll(
    /\/run\/secrets\/[\w-]+\/([\w-]+)/g,
  ))
    t.ok(
      made.includes(`--from-literal=${String(key)}=`),
      `the documentation shows how to create the secret's ${String(key)}`,
    );
});

t.test("probes use paths of the admin port, on its port", async (t) => {
  const known = read("src/server/admin.ts");
  for (const [probe, path] of [
    ["startupProbe", "/livez"],
    ["livenessProbe", "/livez"],
    ["readinessProbe", "/readyz"],
  ] as const) {
    t.strictSame(at(container, probe, "httpGet"), { path, port: "admin" }, probe);
    t.ok(known.includes(`"${path}"`), path);
  }
  const ports = Object.fromEntries(
    list(at(container, "ports")).map((port) => [at(port, "name"), at(port, "containerPort")]),
  );
  t.strictSame(ports, { http: config.server.port, admin: config.server.adminPort });
  t.match(dockerfile, `EXPOSE ${config.server.port} ${config.server.adminPort}\n`);
  t.match(dockerfile, `ADMIN_PORT||${config.server.adminPort})+'/readyz'`);
});

t.test("a pod has enough time to drain, and leaves the Service before its port closes", async (t) => {
  const grace = Number(at(pod, "terminationGracePeriodSeconds")) * 1_000;
  const { drainDelay, drainTimeout } = config.server;
  t.ok(grace > drainDelay + drainTimeout + DRAIN_GRACE_MS, `${grace} ms`);
  const probe = at(container, "readinessProbe");
  const noticed = Number(at(probe, "periodSeconds")) * Number(at(probe, "failureThreshold")) * 1_000;
  t.ok(noticed + Number(at(probe, "timeoutSeconds")) * 1_000 <= drainDelay, `${noticed} ms`);
  t.strictSame(at(deployment, "spec", "strategy", "rollingUpdate"), { maxUnavailable: 0, maxSurge: 1 });
  const compose: unknown = parse(read("config/compose.yaml"));
  const stop = Number.parseInt(String(at(compose, "services", "gateway", "stop_grace_period")), 10) * 1_000;
  const defaults = load({ UPSTREAM_URL: "http://cms:3000" }, "").server;
  t.ok(stop > defaults.drainDelay + defaults.drainTimeout + DRAIN_GRACE_MS, `${stop} ms`);
});

t.test("runs as an unprivileged user, on a read-only root", async (t) => {
  const [, user = ""] = [...dockerfile.matchAll(/^USER (\d+):\d+$/gm)].at(-1) ?? [];
  t.match(at(pod, "securityContext"), { runAsNonRoot: true, runAsUser: Number(user), fsGroup: Number(user) });
  t.match(at(container, "securityContext"), {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ["ALL"] },
  });
  t.equal(at(parse(read("config/compose.yaml")), "services", "gateway", "read_only"), true);
});

t.test("every selector matches these pods, and only the gateway reaches the CMS", async (t) => {
  const labels = at(deployment, "spec", "template", "metadata", "labels");
  t.strictSame(at(deployment, "spec", "selector", "matchLabels"), labels);
  t.strictSame(at(ofKind("Service")[0], "spec", "selector"), labels);
  t.strictSame(at(ofKind("PodDisruptionBudget")[0], "spec", "selector", "matchLabels"), labels);
  t.equal(
    at(ofKind("HorizontalPodAutoscaler")[0], "spec", "scaleTargetRef", "name"),
    at(deployment, "metadata", "name"),
  );
  const policies = ofKind("NetworkPolicy");
  const cms = policies.find((policy) => at(policy, "metadata", "name") === "cms-only-through-the-gateway");
  t.strictSame(at(cms, "spec", "policyTypes"), ["Ingress"]);
  t.strictSame(at(cms, "spec", "ingress"), [
    {
      from: [{ podSelector: { matchLabels: labels } }],
      ports: [{ protocol: "TCP", port: Number(new URL(config.upstream.url ?? "").port) }],
    },
  ]);
});

t.test(
  "compose publishes only the gateway's port, and sets only variables that the gateway reads",
  async (t) => {
    const services = at(parse(read("config/compose.yaml")), "services");
    t.ok(isObject(services));
    const published = Object.entries(isObject(services) ? services : {}).filter(([, service]) =>
      at(service, "ports"),
    );
    t.strictSame(
      published.map(([name]) => name),
      ["gateway"],
    );
    for (const name of Object.keys(Object(at(services, "gateway", "environment"))))
      t.ok(VARIABLES.has(name), name);
  },
);

t.test(
  "compose uses the variables that its first lines list, and writes nothing to a read-only root",
  async (t) => {
    const text = read("config/compose.yaml");
    const asked = new Set([...text.matchAll(/\$\{(\w+)/g)].map(([, name]) => name));
    const [, said = ""] = /^# {3}export (.*)$/m.exec(text) ?? [];
    t.strictSame(
      [...said.matchAll(/(\w+)=/g)].map(([, name]) => name),
      [...asked],
    );
    // Compose rejects it: there, only files can be mounted as secrets and configs.
    const compose: unknown = parse(text);
    for (const kind of ["secrets", "configs"])
      for (const [name, source] of Object.entries(Object(at(compose, kind)))) t.ok(at(source, "file"), name);
  },
);

t.test(
  "the systemd unit drains, sets what the gateway reads, and gives each replica an admin port",
  async (t) => {
    const unit = read("config/systemd/partners-gateway@.service");
    const valuesOf = (name: string): string[] =>
      [...unit.matchAll(new RegExp(`^${name}=(.*)$`, "gm"))].map(([, value = ""]) => value);
    const flags = String(at(JSON.parse(read("package.json")), "scripts", "start")).match(/--[a-z-]+(=\d+)?/g);
    t.strictSame(valuesOf("ExecStart")[0]?.match(/--[a-z-]+(=\d+)?/g), flags);
    t.strictSame(valuesOf("KillSignal"), ["SIGTERM"]);
    t.strictSame(valuesOf("Restart"), ["always"]);
    t.strictSame(valuesOf("LimitCORE"), ["0"]);
    const { drainDelay, drainTimeout } = config.server;
    t.ok(Number(valuesOf("TimeoutStopSec")[0]) * 1_000 > drainDelay + drainTimeout + DRAIN_GRACE_MS);
    const env = new Map(
      valuesOf("Environment").map((pair) => [pair.split("=", 1)[0] ?? "", pair.split("=")[1]]),
    );
    t.equal(env.get("ADMIN_PORT"), "%i");
    for (const name of env.keys()) t.ok(VARIABLES.has(name) || name === "NODE_ENV", name);
    const credentials = valuesOf("LoadCredential").map((pair) => `%d/${pair.split(":", 1)[0] ?? ""}`);
    t.strictSame(
      [...env].filter(([name]) => name.endsWith("_FILE") && name !== "CONFIG_FILE").map(([, file]) => file),
      credentials,
    );
  },
);

t.test("the image starts the binary itself, which receives the signals", async (t) => {
  const { version, scripts }: { version: string; scripts: { start: string } } = JSON.parse(
    read("package.json"),
  );
  // The flags are the ones of `npm start`, which the benchmark measures, so only one place defines them.
  const flags = scripts.start.split(" ").filter((word) => word.startsWith("--"));
  t.not(flags.length, 0);
  const command = JSON.stringify(["/usr/local/bin/node", ...flags, "dist/main.js"]).replaceAll(",", ", ");
  t.ok(dockerfile.split("\n").includes(`ENTRYPOINT ${command}`), command);
  t.match(dockerfile, /^STOPSIGNAL SIGTERM$/m);
  t.match(dockerfile, /^FROM \$\{BASE\}$/m, "the runtime stage is not the build stage");
  t.equal(at(container, "image"), `partners-gateway:${version}`);
});

t.test("npm start, the image and the documented commands give V8 the same flags", async (t) => {
  const flagsOf = (text: string): string[] => text.match(/--[a-z-]+(=\d+)?/g) ?? [];
  const flags = flagsOf(String(at(JSON.parse(read("package.json")), "scripts", "start")));
  t.ok(flags.length > 0);
  t.strictSame(flagsOf(/^ENTRYPOINT .*$/m.exec(dockerfile)?.[0] ?? ""), flags);
  const typed = [...read("docs/deploying.md").matchAll(/node\s(--no-[\s\S]*?)dist\/main\.js/g)];
  t.equal(typed.length, 2);
  for (const [, text = ""] of typed) t.strictSame(flagsOf(text), flags);
});

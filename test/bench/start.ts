import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { stringify } from "yaml";
import { caddy, haproxy, nginxAuth } from "./peers.ts";
import { freePort, MEASURED_CORE, startOn, untilAnswers, type Started } from "./processes.ts";
import { AUTHORIZATION, keyOf, type Upstream } from "./upstream.ts";

const run = promisify(execFile);

/** A server that listens. */
export interface Running extends Started {
  readonly url: string;
}

export interface RunningGateway extends Running {
  readonly adminUrl: string;
}

/** This checkout of the gateway. */
export const HERE = join(import.meta.dirname, "../..");

export interface GatewayOptions {
  /** The checkout of the gateway. */
  readonly root?: string;
  /** Further settings, section by section. */
  readonly settings?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly core?: string;
  /** False if the caller itself waits for it. */
  readonly wait?: boolean;
}

/**
 * Raised limits, which would otherwise reject load from one partner of one tenant: all peers have 64
 * connections to the upstream, and so has that tenant, as its share of one half.
 */
const LIMITS = {
  limits: { inFlightPerKey: 1_000 },
  upstream: { connections: 128, queue: 1_024 },
};

/** The environment of a gateway in front of `upstream`, and the folder with its settings. */
export function environmentOf(
  upstream: Pick<Upstream, "url">,
  { settings = {}, env = {} }: Pick<GatewayOptions, "settings" | "env">,
): { readonly env: Record<string, string>; readonly dir: string } {
  const dir = mkdtempSync(join(tmpdir(), "bench-gateway-"));
  const file = join(dir, "settings.yaml");
  const sections = new Set([...Object.keys(LIMITS), ...Object.keys(settings)]);
  const limits: NonNullable<GatewayOptions["settings"]> = LIMITS;
  const merged = [...sections].map((name) => [name, { ...limits[name], ...settings[name] }] as const);
  writeFileSync(file, stringify(Object.fromEntries(merged)));
  // With a service key, tenants are the same for every partner's key and are looked up once.
  const own = { UPSTREAM_URL: upstream.url, HOST: "127.0.0.1", CONFIG_FILE: file, CMS_SERVICE_KEY: keyOf(1) };
  return { env: { ...own, ...env }, dir };
}

/** Starts the gateway's program, by default on the measured core, and waits until its admin port answers. */
export async function startGateway(
  upstream: Pick<Upstream, "url">,
  options: GatewayOptions = {},
): Promise<RunningGateway> {
  const { root = HERE, core = MEASURED_CORE, wait = true } = options;
  const { env, dir } = environmentOf(upstream, options);
  const [port, adminPort] = [await freePort(), await freePort()];
  const started = startOn({
    core,
    command: process.execPath,
    args: await programOf(root),
    env: { ...env, PORT: String(port), ADMIN_PORT: String(adminPort) },
  });
  const adminUrl = `http://127.0.0.1:${adminPort}`;
  if (wait) await untilAnswers(`${adminUrl}/readyz`);
  return { ...withFolder(started, dir), url: `http://127.0.0.1:${port}`, adminUrl };
}

/**
 * The arguments of `node` to run the gateway of a checkout as its image does: built, with the flags of its
 * own `npm start`. Built once, however often it is started.
 */
const programOf = onceFor(async (root: string): Promise<readonly string[]> => {
  await run("npm", ["run", "--silent", "build"], { cwd: root });
  const { scripts }: { scripts: { start: string } } = JSON.parse(
    readFileSync(join(root, "package.json"), "utf8"),
  );
  const flags = scripts.start.split(" ").filter((word) => word.startsWith("--"));
  return [...flags, join(root, "dist/main.js")];
});

/** Wraps `make` so that it runs once for each text. */
function onceFor<T>(make: (text: string) => T): (text: string) => T {
  const made = new Map<string, T>();
  return (text) => {
    const value = made.get(text) ?? make(text);
    made.set(text, value);
    return value;
  };
}

/** Starts a program of `subjects/`. */
export async function startNode(file: string, upstream: Pick<Upstream, "url">): Promise<Running> {
  const port = await freePort();
  const program = join(import.meta.dirname, "subjects", file);
  const args = [program, String(port), file === "node-static.ts" ? "2048" : upstream.url];
  const started = startOn({ core: MEASURED_CORE, command: process.execPath, args });
  return answering(started, `http://127.0.0.1:${port}`, "/api/pages");
}

/** Starts another proxy with the configuration of `peers.ts`. */
export async function startPeer(
  command: "nginx" | "haproxy" | "caddy",
  upstream: Upstream,
): Promise<Running> {
  const dir = mkdtempSync(join(tmpdir(), `bench-${command}-`));
  const port = await freePort();
  const file = join(dir, command === "caddy" ? "Caddyfile" : `${command}.conf`);
  writeFileSync(file, { nginx: nginxAuth, haproxy, caddy }[command]({ dir, port, upstream: upstream.port }));
  writeFileSync(join(dir, "keys.map"), `${keyOf(1)} partner\n`);
  const args = {
    nginx: ["-c", file, "-p", dir],
    haproxy: ["-f", file, "-q"],
    caddy: ["run", "--config", file, "--adapter", "caddyfile"],
  }[command];
  const env = { GOMAXPROCS: "1", HOME: dir };
  const started = startOn({ core: MEASURED_CORE, command, args, env, isChatty: command === "caddy" });
  const path = command === "caddy" ? "/api/pages" : "/partners/2026-02/t-1/pages/1";
  return answering(withFolder(started, dir), `http://127.0.0.1:${port}`, path);
}

async function answering(started: Started, url: string, path: string): Promise<Running> {
  await untilAnswers(url + path, AUTHORIZATION);
  return { ...started, url };
}

/** The same program; its end also removes the folder. */
function withFolder(started: Started, dir: string): Started {
  return {
    ...started,
    async stop(signal) {
      await started.stop(signal);
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

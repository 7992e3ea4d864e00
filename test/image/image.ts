import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import t from "tap";
import { startCms } from "../support/cms/server.ts";
import { freePort } from "../support/free-port.ts";
import { LOCAL_BASES, makeLocalBases } from "./bases.ts";

/**
 * `npm run test:image`: builds the image and runs it in front of the real CMS. It needs a container engine
 * that shares this machine's network, and reports if there is none. IMAGE_BUILD_FLAGS are passed to `docker
 * build`, so a machine with another registry can name its bases: `--build-arg BASE=...`. With `--
 * --local-bases` the bases are built from this machine's files, without an image registry.
 */

t.setTimeout(600_000);

const root = join(import.meta.dirname, "../..");
const IMAGE = "partners-gateway:test";
const NAME = `partners-gateway-test-${process.pid}`;
const MEGABYTE = 1_000_000;

if (spawnSync("docker", ["info"], { stdio: "ignore" }).status !== 0) {
  process.stderr.write(
    "The image cannot be tested here: no container engine answers (docker info). Start one, or set DOCKER_HOST.\n",
  );
  process.exit(1);
}

function docker(...args: readonly string[]): string {
  return execFileSync("docker", args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }).trim();
}

const { values } = parseArgs({ options: { "local-bases": { type: "boolean", default: false } } });
const flags = (process.env["IMAGE_BUILD_FLAGS"] ?? "").split(" ").filter((flag) => flag !== "");
if (values["local-bases"]) {
  makeLocalBases();
  flags.push(...Object.entries(LOCAL_BASES).flatMap(([name, value]) => ["--build-arg", `${name}=${value}`]));
}
if (spawnSync("docker", ["build", ...flags, "-t", IMAGE, root], { stdio: "inherit" }).status !== 0) {
  process.stderr.write(
    "The image could not be built (see above). Without access to an image registry, use: npm run test:image -- --local-bases\n",
  );
  process.exit(1);
}

const dir = mkdtempSync(join(tmpdir(), "image-"));
const [port, adminPort, cmsPort] = [await freePort(), await freePort(), await freePort()];
writeFileSync(join(dir, "gateway.yaml"), "server: {drainDelay: 5s}\npartners: {collections: [posts]}\n");
t.teardown(() => {
  spawnSync("docker", ["rm", "-f", NAME], { stdio: "ignore" });
  rmSync(dir, { recursive: true, force: true });
});

const healthOf = async (): Promise<string> => docker("inspect", "-f", "{{.State.Health.Status}}", NAME);

/** The time from the engine's start of the process to its line `listening`, in milliseconds. */
function startTook(): number {
  const [, time = ""] = /"time":"([^"]+)"[^\n]*"msg":"listening"/.exec(docker("logs", NAME)) ?? [];
  return Date.parse(time) - Date.parse(docker("inspect", "-f", "{{.State.StartedAt}}", NAME));
}

/** Waits until `look` returns `wanted`; the test has the timeout. */
async function until(look: () => Promise<string | number>, wanted: string | number): Promise<void> {
  while ((await look()) !== wanted) await new Promise((resolve) => void setTimeout(resolve, 100));
}

async function statusOf(url: string, headers: Record<string, string> = {}): Promise<number> {
  return fetch(url, { headers: { connection: "close", ...headers } }).then(
    (answer) => answer.status,
    () => 0,
  );
}

t.test("is small, and its user is nobody", async (t) => {
  const size = Number(docker("inspect", "-f", "{{.Size}}", IMAGE));
  t.comment(`${Math.round(size / MEGABYTE)} MB`);
  t.ok(size < 200 * MEGABYTE, `${size} bytes`);
  t.equal(docker("inspect", "-f", "{{.Config.User}}", IMAGE), "65532:65532");
});

t.test("has no shell, no npm and no compiler", async (t) => {
  for (const tool of ["/bin/sh", "/usr/local/bin/npm", "/app/node_modules/typescript/package.json"]) {
    const ran = spawnSync("docker", [
      "run",
      "--rm",
      "--network",
      "host",
      "--entrypoint",
      "/usr/local/bin/node",
      IMAGE,
      "-e",
      `process.exit(fs.existsSync("${tool}") ? 3 : 0)`,
    ]);
    t.equal(ran.status, 0, tool);
  }
});

t.test("the process cannot change its program even if the root is writable", async (t) => {
  const look = `
    const isOpen = (path) => { try { fs.accessSync(path, fs.constants.W_OK); return true; } catch { return false; } };
    const below = fs.readdirSync("/app", { recursive: true }).map((name) => "/app/" + name);
    const all = ["/", "/app", ...below, process.execPath, "/usr/local/bin"];
    console.log(JSON.stringify([all.length > 1000, all.filter(isOpen)]));`;
  const run = ["run", "--rm", "--network", "host", "--entrypoint", "/usr/local/bin/node", IMAGE, "-e", look];
  t.strictSame(JSON.parse(docker(...run)), [true, []]);
});

t.test("runs the binary's other commands", async (t) => {
  t.match(
    docker("run", "--rm", "--network", "host", IMAGE, "version"),
    /^partners-gateway \d+\.\d+\.\d+ \(Node\.js v24/,
  );
  const wrong = spawnSync("docker", ["run", "--rm", "--network", "host", IMAGE, "check"], {
    encoding: "utf8",
  });
  t.equal(wrong.status, 1);
  t.match(wrong.stderr, /set UPSTREAM_URL/);
});

t.test("with a read-only root it serves, its health changes, and SIGTERM drains it", async (t) => {
  const limits = ["--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"];
  // A start period of 0 would select the image's own.
  const health = ["--health-interval", "1s", "--health-retries", "1", "--health-start-period", "1s"];
  const env = {
    CONFIG_FILE: "/etc/gateway.yaml",
    UPSTREAM_URL: `http://127.0.0.1:${cmsPort}`,
    HOST: "127.0.0.1",
    PORT: port,
    ADMIN_HOST: "127.0.0.1",
    ADMIN_PORT: adminPort,
  };
  const settings = Object.entries(env).flatMap(([name, value]) => ["-e", `${name}=${value}`]);
  const volume = ["-v", `${dir}/gateway.yaml:/etc/gateway.yaml:ro`];
  docker(
    "run",
    "-d",
    "--name",
    NAME,
    "--network",
    "host",
    ...limits,
    ...health,
    ...settings,
    ...volume,
    IMAGE,
  );
  await until(healthOf, "unhealthy");
  t.pass("unhealthy without a CMS");
  const cms = await startCms({ port: cmsPort, record: false });
  t.teardown(() => cms.close());
  await until(healthOf, "healthy");
  t.pass("healthy once the CMS has answered");
  t.comment(`listening ${startTook()} ms after the engine started it`);
  // The engine requires the column pid.
  t.match(
    docker("top", NAME, "-eo", "pid,uid,args"),
    /^ *\d+ +65532 +\/usr\/local\/bin\/node dist\/main\.js start$/m,
  );
  const posts = `http://127.0.0.1:${port}/partners/2026-02/tenant-a/posts`;
  const key = { authorization: `users API-Key ${cms.keys.partnerA}` };
  t.equal(await statusOf(posts, key), 200);
  docker("kill", "--signal", "TERM", NAME);
  await until(() => statusOf(`http://127.0.0.1:${adminPort}/readyz`), 503);
  t.equal(await statusOf(posts, key), 200, "it still answers while it drains");
  t.equal(docker("wait", NAME), "0", "it exits with 0");
  t.match(docker("logs", NAME), /"msg":"listening"/);
});

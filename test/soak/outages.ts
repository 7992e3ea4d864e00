import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { loginTo } from "../support/partner.ts";
import { startRedis, type TestRedis } from "../support/redis.ts";
import { until } from "../support/until.ts";

/** The length of each outage of Redis. */
const REDIS_AWAY_MS = 3_000;

/** The real CMS as a process that restarts on the same port. */
class RestartingCms {
  #child: ChildProcess | undefined;
  #port = 0;
  #downSince = Number.POSITIVE_INFINITY;
  #upSince = 0;
  #session = "";

  get port(): number {
    return this.#port;
  }

  /** An administrator's `Authorization` header; a restart ends every session. */
  get session(): string {
    return this.#session;
  }

  async start(port: number): Promise<void> {
    const args = [join(import.meta.dirname, "../support/cms/main.ts"), "--port", String(port)];
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
    const kill = (): void => void child.kill("SIGKILL");
    process.once("exit", kill);
    child.once("exit", () => process.off("exit", kill));
    this.#child = child;
    const [line] = await once(createInterface({ input: child.stdout }), "line");
    const said: unknown = JSON.parse(String(line));
    if (typeof said !== "object" || said === null || !("port" in said)) throw new Error(String(line));
    this.#port = Number(said.port);
    this.#session = await loginTo({ url: `http://127.0.0.1:${this.#port}` });
  }

  async stop(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill(signal);
    await ended;
  }

  /** Restarts it. It counts as down until `noticed` resolves: the gateway has detected the restart. */
  async restart(signal: NodeJS.Signals, noticed: () => Promise<void>): Promise<void> {
    this.#downSince = performance.now();
    await this.stop(signal);
    await this.start(this.#port);
    await noticed();
    this.#downSince = Number.POSITIVE_INFINITY;
    this.#upSince = performance.now();
  }

  /** True if a request that began at `begun` and ends now overlapped an outage. */
  wasDown(begun: number): boolean {
    return performance.now() >= this.#downSince || begun < this.#upSince;
  }
}

/** The parameters of the restarts. */
export interface Course {
  readonly isOver: () => boolean;
  readonly adminUrl: string;
}

/** The gateway's real CMS and real Redis, which go down and restart. */
export class Backends {
  readonly cms = new RestartingCms();
  readonly redis: TestRedis;
  cmsRestarts = 0;
  redisRestarts = 0;

  private constructor(redis: TestRedis) {
    this.redis = redis;
  }

  static async start(): Promise<Backends> {
    // With an option, it is the test's own Redis: a shared one must not be killed every minute.
    const backends = new Backends(await startRedis(["--maxclients", "100"]));
    await backends.cms.start(0);
    return backends;
  }

  /**
   * Until `isOver`: restarts the CMS every `everyMs`, in turn by SIGTERM and SIGKILL. Kills or stops Redis
   * half that time later, but every third time together with the CMS. `adminUrl` is the gateway's admin port
   * with the state of its parts.
   */
  async restart(everyMs: number, { isOver, adminUrl }: Course): Promise<void> {
    for (let round = 1; ; round++) {
      const isTogether = round % 3 === 0;
      if (!(await waited(everyMs / 2, isOver))) return;
      const apart = isTogether ? undefined : this.#loseRedis(round);
      const isOn = await waited(everyMs / 2, isOver);
      await apart;
      if (!isOn) return;
      const together = isTogether ? this.#loseRedis(round) : undefined;
      await this.restartCms(round % 2 === 0 ? "SIGKILL" : "SIGTERM", adminUrl);
      await together;
    }
  }

  /** Restarts the CMS; resolves when the gateway has detected it. */
  async restartCms(signal: NodeJS.Signals, adminUrl: string): Promise<void> {
    await this.cms.restart(signal, () => untilCmsIsOk(adminUrl));
    this.cmsRestarts += 1;
  }

  /** Makes Redis unavailable, killed or stopped with its connections open, until `away` resolves. */
  async loseRedis(how: "killed" | "stopped", away: () => Promise<unknown>): Promise<void> {
    await (how === "killed" ? this.redis.kill() : this.redis.pause());
    await away();
    await (how === "killed" ? this.redis.start() : this.redis.resume());
    this.redisRestarts += 1;
  }

  async close(): Promise<void> {
    await this.cms.stop("SIGTERM");
    await this.redis.close();
  }

  #loseRedis(round: number): Promise<void> {
    return this.loseRedis(round % 2 === 0 ? "killed" : "stopped", () => sleep(REDIS_AWAY_MS));
  }
}

/** Resolves when the gateway reports that the CMS answers. */
async function untilCmsIsOk(adminUrl: string): Promise<void> {
  await until("the gateway to detect that the CMS is back", async () =>
    (await (await fetch(`${adminUrl}/readyz`)).text()).includes('"cms":"ok"'),
  );
}

/** Waits; false if the run was over before. */
async function waited(ms: number, isOver: () => boolean): Promise<boolean> {
  const end = performance.now() + ms;
  while (performance.now() < end && !isOver()) await sleep(100);
  return !isOver();
}

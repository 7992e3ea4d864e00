import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { caddy, haproxy, nginxAuth } from "./peers.ts";
import { freePort, MEASURED_CORE, startOn, untilAnswers, type Started } from "./processes.ts";
import { KEY } from "./upstream.ts";

/** Which answer is asked for: one document of 2 KB, or ten of them. */
export type Load = "document" | "list";

/** A server between load and upstream. */
export interface Subject {
  readonly name: string;
  /** The command that must be there, if it is none of Node's. */
  readonly needs?: string;
  /** Where it is asked for which load. */
  readonly paths: Readonly<Record<Load, string>>;
  start(upstream: { readonly port: number; readonly url: string }): Promise<RunningSubject>;
}

export interface RunningSubject extends Started {
  readonly url: string;
}

/** The unit of all ratios. */
export const UNIT = "http-proxy-3";

const AUTHORIZATION = { authorization: `users API-Key ${KEY}` };
const PLAIN = { document: "/api/pages", list: "/api/posts" };
const PARTNERS = {
  document: "/partners/2026-02/acme/pages/1",
  list: "/partners/2026-02/acme/posts?limit=10",
};

/** Everything that is measured side by side. */
export const SUBJECTS: readonly Subject[] = [
  nodeProgram(UNIT, "http-proxy-3.ts"),
  gateway("gateway, partners", PARTNERS),
  gateway("gateway, native", PLAIN),
  nodeProgram("bare undici", "bare-undici.ts"),
  nodeProgram("bare node:http, no upstream", "node-static.ts"),
  configured("nginx, auth_request cached", "nginx", PARTNERS),
  configured("haproxy, keys in a map", "haproxy", PARTNERS),
  configured("caddy, pass-through", "caddy", PLAIN),
];

/** The headers that a subject is asked with: the native path refuses keys. */
export function headersOf(subject: Subject): Record<string, string> {
  return subject.paths === PARTNERS ? AUTHORIZATION : {};
}

function nodeProgram(name: string, file: string): Subject {
  return {
    name,
    paths: PLAIN,
    async start(upstream) {
      const port = await freePort();
      const program = join(import.meta.dirname, "subjects", file);
      const args = [program, String(port), file === "node-static.ts" ? "2048" : upstream.url];
      return running(startOn({ core: MEASURED_CORE, command: process.execPath, args }), port, PLAIN.document);
    },
  };
}

function gateway(name: string, paths: Subject["paths"]): Subject {
  return {
    name,
    paths,
    async start(upstream) {
      const port = await freePort();
      const adminPort = await freePort();
      const env = {
        UPSTREAM_URL: upstream.url,
        HOST: "127.0.0.1",
        PORT: String(port),
        ADMIN_PORT: String(adminPort),
      };
      const args = [join(import.meta.dirname, "../../src/main.ts")];
      const started = startOn({ core: MEASURED_CORE, command: process.execPath, args, env });
      await untilAnswers(`http://127.0.0.1:${adminPort}/livez`);
      return running(started, port, paths.document);
    },
  };
}

function configured(name: string, command: "nginx" | "haproxy" | "caddy", paths: Subject["paths"]): Subject {
  return {
    name,
    needs: command,
    paths,
    async start(upstream) {
      const dir = mkdtempSync(join(tmpdir(), `bench-${command}-`));
      const port = await freePort();
      const ports = { dir, port, upstream: upstream.port };
      const file = join(dir, command === "caddy" ? "Caddyfile" : `${command}.conf`);
      writeFileSync(file, { nginx: nginxAuth, haproxy, caddy }[command](ports));
      writeFileSync(join(dir, "keys.map"), `${KEY} partner\n`);
      const args = {
        nginx: ["-c", file, "-p", dir],
        haproxy: ["-f", file, "-q"],
        caddy: ["run", "--config", file, "--adapter", "caddyfile"],
      }[command];
      const env = { GOMAXPROCS: "1", HOME: dir };
      return running(startOn({ core: MEASURED_CORE, command, args, env }), port, paths.document);
    },
  };
}

async function running(started: Started, port: number, path: string): Promise<RunningSubject> {
  const url = `http://127.0.0.1:${port}`;
  await untilAnswers(url + path, AUTHORIZATION);
  return { ...started, url };
}

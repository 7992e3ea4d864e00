import { once } from "node:events";
import { Agent, request as httpRequest, type IncomingMessage } from "node:http";
import { WebSocket } from "ws";
import { rawExchange, rawRequest } from "../support/raw.ts";
import { draw, type Ask, type Mix } from "./asks.ts";

/** The outcome of one request of the mix. */
export interface Outcome {
  readonly kind: string;
  /** 0 if no response arrived. */
  readonly status: number;
  /** Set if the gateway itself answered, so its log must have the request. */
  readonly requestId?: string;
  /** Why the response is wrong, whatever the state of the CMS. */
  readonly wrong?: string;
  /** True if the response could be better only with a running CMS. */
  readonly excused?: boolean;
}

/** A client that sends a random mix over kept-alive connections, one request after another. */
export class Client {
  readonly #random: () => number;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #port: number;

  constructor(port: number, seed: number) {
    this.#port = port;
    this.#random = mulberry(seed);
  }

  /** Sends the next request of the mix; never rejects. */
  async next(mix: Mix): Promise<Outcome> {
    const ask = draw(this.#random, mix);
    try {
      return judge(ask, await this.#send(ask));
    } catch (error) {
      if (ask.leavesAfter !== undefined) return { kind: ask.kind, status: 0 };
      // The gateway relays a native response that breaks off with the CMS in the same way.
      return { kind: ask.kind, status: 0, wrong: `no answer: ${String(error)}`, excused: isNative(ask) };
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  #send(ask: Ask): Promise<Reply> {
    if (ask.manner === "raw") return sendRaw(this.#port, ask);
    if (ask.manner === "socket") return openSocket(this.#port, ask);
    return send(this.#port, ask, this.#agent);
  }
}

interface Reply {
  readonly status: number;
  readonly body: string;
  readonly requestId: string;
}

function send(port: number, ask: Ask, agent: Agent): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const { body, authorization, method = "GET", path } = ask;
    const headers: Record<string, string | number> = {};
    if (authorization !== undefined) headers["authorization"] = authorization;
    if (body !== undefined) {
      headers["content-type"] = "application/json";
      headers["content-length"] = Buffer.byteLength(body);
    }
    const sent = httpRequest({ host: "127.0.0.1", port, path, method, headers, agent }, (answer) => {
      read(answer, Number(answer.statusCode)).then(resolve, reject);
      if (ask.manner === "stalled") answer.once("close", () => sent.destroy());
    });
    sent.once("error", reject);
    if (ask.leavesAfter === 0) sent.once("finish", () => sent.destroy());
    else if (ask.leavesAfter !== undefined) setTimeout(() => sent.destroy(), ask.leavesAfter);
    if ((ask.manner !== "slow" && ask.manner !== "stalled") || body === undefined) {
      sent.end(body);
      return;
    }
    sent.write(body.slice(0, 5));
    if (ask.manner === "slow") setTimeout(() => sent.end(body.slice(5)), 60);
  });
}

async function read(answer: IncomingMessage, status: number): Promise<Reply> {
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(Buffer.from(chunk));
  const requestId = String(answer.headers["x-request-id"]);
  return { status, body: Buffer.concat(chunks).toString("utf8"), requestId };
}

async function sendRaw(port: number, { method, path, lines = [] }: Ask): Promise<Reply> {
  const text = await rawExchange(port, rawRequest([`${method} ${path} HTTP/1.1`, "Host: h", ...lines]));
  const [, status] = /^HTTP\/1\.1 (\d+)/.exec(text) ?? [];
  const [, requestId = ""] = /x-request-id: (\S+)/i.exec(text) ?? [];
  return { status: Number(status), body: text.slice(text.indexOf("\r\n\r\n") + 4), requestId };
}

/** Opens a WebSocket, sends one message, waits for its echo and closes it. */
async function openSocket(port: number, { path }: Ask): Promise<Reply> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`);
  const closed = new Promise<unknown[]>((resolve) => socket.once("close", () => resolve([])));
  // The awaits below report the failure.
  socket.on("error", () => undefined);
  await once(socket, "open");
  socket.send("soak");
  // If the other side closes it, for example because the CMS ends, no message arrives.
  const [said] = await Promise.race([once(socket, "message"), closed]);
  socket.close();
  await closed;
  if (String(said) !== "soak") throw new Error(`the socket said ${String(said)}`);
  return { status: 101, body: "", requestId: "" };
}

function isNative({ kind }: Ask): boolean {
  return kind.startsWith("native");
}

function judge(ask: Ask, { status, body, requestId }: Reply): Outcome {
  const { kind } = ask;
  // The CMS's own responses to native requests are not the gateway's log entries.
  const isOurs = !isNative(ask) || body.includes(`"requestId":"${requestId}"`);
  const outcome = isOurs ? { kind, status, requestId } : { kind, status };
  if (status === 200 && ask.tenant !== undefined && status === ask.status) {
    const stranger = foreignTenant(JSON.parse(body), ask.tenant);
    return stranger === undefined
      ? outcome
      : { ...outcome, wrong: `a record of tenant ${stranger} for ${ask.tenant}` };
  }
  if (status === ask.status) return outcome;
  return {
    ...outcome,
    // A partner gets a 500 if the CMS answers while it shuts down. A restarted CMS has lost its sessions.
    excused: status >= 500 || (isNative(ask) && !isOurs),
    wrong: `${status} instead of ${ask.status}: ${body.slice(0, 200)}`,
  };
}

/** The tenant of any record in a response, if it is not `tenant`. */
function foreignTenant(value: unknown, tenant: number): string | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if ("tenant" in value && value.tenant !== tenant) return JSON.stringify(value.tenant);
  for (const inner of Object.values(value)) {
    const found = foreignTenant(inner, tenant);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** A small seeded generator, so that a soak can be repeated. */
function mulberry(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

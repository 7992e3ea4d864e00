import { once } from "node:events";
import { Agent, request as httpRequest, type IncomingMessage } from "node:http";
import { WebSocket } from "ws";
import { rawExchange, rawRequest } from "../support/raw.ts";
import { draw, type Ask, type Mix } from "./asks.ts";

/** What one request of the mix came to. */
export interface Outcome {
  readonly kind: string;
  /** 0 where no answer came. */
  readonly status: number;
  /** Where the gateway itself answered, and so has to have said so in its log. */
  readonly requestId?: string;
  /** Why the answer is wrong, whatever the CMS was doing. */
  readonly wrong?: string;
  /** True where only a CMS that is up could have answered better. */
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
      // A native answer that breaks off with the CMS is passed on as just that.
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

/** Opens a WebSocket, has one message echoed and closes it. */
async function openSocket(port: number, { path }: Ask): Promise<Reply> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`);
  const closed = new Promise<unknown[]>((resolve) => socket.once("close", () => resolve([])));
  // What fails is told below, by whoever waits for it.
  socket.on("error", () => undefined);
  await once(socket, "open");
  socket.send("soak");
  // One that is closed by the other side, as when the CMS ends, never says anything again.
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
  // What the CMS itself answers to native requests is no line of the gateway's log.
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
    // 500 is what a partner hears of a CMS that answers while it goes down. One that comes back knows no session.
    excused: status >= 500 || (isNative(ask) && !isOurs),
    wrong: `${status} in place of ${ask.status}: ${body.slice(0, 200)}`,
  };
}

/** The tenant of any record in an answer that is not `tenant`. */
function foreignTenant(value: unknown, tenant: number): string | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if ("tenant" in value && value.tenant !== tenant) return JSON.stringify(value.tenant);
  for (const inner of Object.values(value)) {
    const found = foreignTenant(inner, tenant);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** A small seeded generator, so that a soak can be run again. */
function mulberry(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

import { isObject } from "../core/json.ts";
import type { FactKind } from "../core/ports.ts";

/** What replicas tell each other. `seq` numbers the sender's messages without a gap: a gap is a loss. */
export type Message = { readonly from: string; readonly seq: number } & (
  | { readonly type: "beat" }
  /** A beat that the others answer with theirs, and with an ack where they trust what is in Redis. */
  | { readonly type: "hello" }
  | { readonly type: "bye" }
  /** Forget all facts of these kinds; `distrust`: they are still in Redis. */
  | { readonly type: "flush"; readonly kinds: readonly FactKind[]; readonly distrust: boolean }
  /** Forget one fact. */
  | { readonly type: "forget"; readonly kind: FactKind; readonly name: string; readonly distrust: boolean }
);

/** A message's body, before its sender puts name and number to it. */
export type Telling =
  | { readonly type: "beat" | "hello" | "bye" }
  | { readonly type: "flush"; readonly kinds: readonly FactKind[]; readonly distrust: boolean }
  | { readonly type: "forget"; readonly kind: FactKind; readonly name: string; readonly distrust: boolean };

/** The answer to a flush or a forget: done. To a hello: Redis was in sight all along. */
export interface Ack {
  readonly from: string;
  readonly seq: number;
}

/**
 * A message read from the channel, or `undefined` where it is not one. Of a flush that this version cannot read every
 * kind is taken to be meant: a newer replica's invalidation must not be missed in a rolling update.
 */
export function readMessage(text: string): Message | undefined {
  const body = readObject(text);
  const sender = readSender(body);
  if (body === undefined || sender === undefined) return undefined;
  const { type, kind, name, kinds } = body;
  const distrust = body["distrust"] !== false;
  if (type === "beat" || type === "hello" || type === "bye") return { ...sender, type };
  if (type === "forget" && isKind(kind) && typeof name === "string")
    return { ...sender, type, kind, name, distrust };
  const known = type === "flush" && Array.isArray(kinds) && kinds.every(isKind);
  return { ...sender, type: "flush", kinds: known ? kinds.filter(isKind) : ALL_KINDS, distrust };
}

/** An ack read from the channel, or `undefined` where it is not one. */
export function readAck(text: string): Ack | undefined {
  return readSender(readObject(text));
}

/** Every kind of fact. */
export const ALL_KINDS: readonly FactKind[] = ["keys", "tenants"];

function readSender(body: Record<string, unknown> | undefined): Ack | undefined {
  const from = body?.["from"];
  const seq = body?.["seq"];
  return typeof from === "string" && from.length <= 64 && Number.isSafeInteger(seq)
    ? { from, seq: Number(seq) }
    : undefined;
}

function isKind(value: unknown): value is FactKind {
  return value === "keys" || value === "tenants";
}

function readObject(text: string): Record<string, unknown> | undefined {
  try {
    const body: unknown = JSON.parse(text);
    return isObject(body) ? body : undefined;
  } catch {
    return undefined;
  }
}

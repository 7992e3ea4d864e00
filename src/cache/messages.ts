import { isObject } from "../core/json.ts";
import type { LookupKind } from "../core/ports.ts";

/**
 * A message between replicas. `seq` numbers the sender's messages without gaps: a gap means a lost message.
 */
export type Message = { readonly from: string; readonly seq: number } & (
  | { readonly type: "beat" }
  /**
   * A heartbeat that each replica answers with its own, and with an ack if it trusts the contents of Redis.
   */
  | { readonly type: "hello" }
  | { readonly type: "bye" }
  /** Invalidates all facts of these kinds. `distrust`: they may still be in Redis. */
  | { readonly type: "flush"; readonly kinds: readonly LookupKind[]; readonly distrust: boolean }
  /** Invalidates one fact. */
  | { readonly type: "forget"; readonly kind: LookupKind; readonly name: string; readonly distrust: boolean }
);

/** The body of a message, without the sender's id and the sequence number. */
export type MessageBody =
  | { readonly type: "beat" | "hello" | "bye" }
  | { readonly type: "flush"; readonly kinds: readonly LookupKind[]; readonly distrust: boolean }
  | { readonly type: "forget"; readonly kind: LookupKind; readonly name: string; readonly distrust: boolean };

/**
 * The answer to a flush or a forget: done. The answer to a hello: the sender trusts the contents of Redis.
 */
export interface Ack {
  readonly from: string;
  readonly seq: number;
}

/**
 * Parses a message from the channel; `undefined` if it is none. A message of an unknown type counts as a
 * flush of every kind, so that a rolling update does not lose the invalidation of a newer replica.
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

/** Parses an ack from the channel; `undefined` if it is none. */
export function readAck(text: string): Ack | undefined {
  return readSender(readObject(text));
}

/** Every kind of fact. */
export const ALL_KINDS: readonly LookupKind[] = ["keys", "tenants"];

function readSender(body: Record<string, unknown> | undefined): Ack | undefined {
  const from = body?.["from"];
  const seq = body?.["seq"];
  return typeof from === "string" && from.length <= 64 && Number.isSafeInteger(seq)
    ? { from, seq: Number(seq) }
    : undefined;
}

function isKind(value: unknown): value is LookupKind {
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

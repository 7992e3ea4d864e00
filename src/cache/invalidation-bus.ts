import { randomUUID } from "node:crypto";
import type { Clock } from "../core/clock.ts";
import type { LookupKind } from "../core/ports.ts";
import { PendingAcks, type InvalidationResult } from "./pending-acks.ts";
import { RedisBreaker } from "./redis-breaker.ts";
import { type Ack, ALL_KINDS, type Message, readAck, readMessage, type MessageBody } from "./messages.ts";
import { Peers } from "./peers.ts";
import type { RedisKeys } from "./redis-keys.ts";
import type { RedisClient } from "./redis.ts";
import { Witness } from "./witness.ts";
import { withTimeout } from "./with-timeout.ts";

/** The interval of heartbeats. Each replica publishes them and receives its own, in milliseconds. */
const BEAT_MS = 500;

/** A replica that has not received its own heartbeat for this long counts as disconnected. */
const DEAF_MS = 1_500;

/** For `NEW_MS` after a reconnect, a replica waits `HELLO_MS` for answers to its hello to learn its peers. */
const NEW_MS = 500;
const HELLO_MS = 50;

/** The interval of reconnects while the subscription receives nothing or the server is read-only. */
const RENEW_MS = 5_000;

export interface InvalidationBusOptions {
  readonly commands: RedisClient;
  readonly subscriber: RedisClient;
  readonly places: RedisKeys;
  readonly clock: Clock;
  readonly commandTimeout: number;
  /** The longest that a message waits for the acks of the other replicas, in milliseconds. */
  readonly ackTimeout: number;
  readonly onFlush: (kinds: readonly LookupKind[]) => void;
  readonly onForget: (kind: LookupKind, name: string) => void;
  readonly onChange: () => void;
  readonly onFailed: (cause: unknown) => void;
}

/**
 * Messages between replicas, by Redis pub/sub, which does not guarantee delivery. Each replica gets its own
 * heartbeats. It detects a missed message when they stop, or by a gap in a sender's sequence numbers. It
 * needs no synchronised clocks and stores nothing, so it also works while Redis is full or read-only.
 */
export class InvalidationBus {
  readonly gate: RedisBreaker;
  readonly #options: InvalidationBusOptions;
  readonly #id = randomUUID();
  readonly #peers = new Peers();
  readonly #deliveries: PendingAcks;
  readonly #witness: Witness;
  #seq = 0;
  #heardAt = -Infinity;
  #hearsSince = -Infinity;
  #isCut = true;
  #isReadOnly = false;
  #seekAt = -Infinity;
  #renewAt = Infinity;
  #wasHeard = false;
  #stopBeating: (() => void) | undefined;
  #isClosed = false;

  constructor(options: InvalidationBusOptions) {
    this.#options = options;
    this.#deliveries = new PendingAcks(options.clock, options.ackTimeout);
    const { commands, subscriber, clock, onChange } = options;
    this.gate = new RedisBreaker(clock, onChange);
    this.#witness = new Witness({ gate: this.gate, clock, patience: options.ackTimeout });
    // In a Cluster a hello may pass another node than the one that holds the facts: its ack proves nothing.
    if (commands.isCluster) this.gate.shut();
    // Redis may return with facts that were invalidated meanwhile: from a snapshot or a lagging replica.
    for (const event of ["close", "end", "-node", "+node"]) commands.on(event, () => this.gate.shut());
    commands.on("ready", () => void this.#greet());
    subscriber.on("ready", () => void this.#subscribe());
    for (const event of ["close", "end"]) subscriber.on(event, () => this.#cut());
    subscriber.on("message", (channel: string, text: string) => this.#receive(channel, text));
    void this.#beat();
  }

  /** True while this process receives every invalidation. Computed at each use, so correct after a stall. */
  get hears(): boolean {
    return !this.#isCut && this.#options.clock.now() - this.#heardAt <= DEAF_MS;
  }

  /**
   * Removes `keys` from Redis, publishes the message to all replicas including this one, and waits for the
   * acks of the live ones. Never rejects. Takes at most two command timeouts and the ack timeout.
   */
  async tell(telling: MessageBody, keys: readonly string[]): Promise<InvalidationResult> {
    const removed = await this.#remove(keys);
    // Drops what was read from Redis before the removal, at once: this replica's own message may be lost.
    if (telling.type === "flush") this.#options.onFlush(telling.kinds);
    const seq = (this.#seq += 1);
    const delivery = this.#deliveries.begin(seq);
    const message = "distrust" in telling ? { ...telling, distrust: !removed } : telling;
    if (!(await this.#publish(message, seq))) this.#deliveries.giveUp(seq);
    const delivered = await delivery;
    return { ...delivered, complete: removed && delivered.complete };
  }

  /** Publishes a bye and closes both connections. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#stopBeating?.();
    await this.#publish({ type: "bye" }, (this.#seq += 1));
    this.#options.commands.disconnect();
    this.#options.subscriber.disconnect();
  }

  async #remove(keys: readonly string[]): Promise<boolean> {
    try {
      await this.#inTime(this.#options.commands.del(...keys));
      return true;
    } catch (cause) {
      // The keys may still be in Redis: it is not trusted until a removal has succeeded.
      this.#options.onFailed(cause);
      this.gate.shut();
      if (cause instanceof Error && cause.message.startsWith("READONLY")) this.#isReadOnly = true;
      return false;
    }
  }

  async #publish(telling: MessageBody, seq: number): Promise<boolean> {
    try {
      const message = JSON.stringify({ ...telling, from: this.#id, seq } satisfies Message);
      await this.#inTime(this.#options.commands.publish(this.#options.places.channel, message));
      return true;
    } catch (cause) {
      if (!this.#isClosed) this.#options.onFailed(cause);
      this.gate.shut();
      return false;
    }
  }

  #inTime<T>(command: Promise<T>): Promise<T> {
    return withTimeout(command, this.#options.commandTimeout, this.#options.clock);
  }

  /** Publishes a heartbeat, tries to open the breaker, and renews a subscription that receives nothing. */
  async #beat(): Promise<void> {
    const { clock, subscriber, onChange } = this.#options;
    if (subscriber.status === "ready" && !this.hears && clock.now() >= this.#renewAt) {
      this.#renewAt = clock.now() + RENEW_MS;
      if ("stream" in subscriber) subscriber.disconnect(true);
      else void this.#subscribe();
    }
    if (this.#options.commands.status === "ready") await this.#greet();
    this.#peers.forgetSilent(clock.now());
    if (this.hears !== this.#wasHeard) onChange();
    this.#wasHeard = this.hears;
    if (!this.#isClosed) this.#stopBeating = clock.after(BEAT_MS, () => void this.#beat());
  }

  /** Publishes a heartbeat. If that works again after a failure, removes the epochs and uses Redis again. */
  async #greet(): Promise<void> {
    const { turn } = this.gate;
    const type = this.#isCut ? "hello" : "beat";
    const isWell = await this.#publish({ type }, (this.#seq += 1));
    if (!isWell || !this.gate.mayTry || this.#witness.mayCome()) return;
    if (await this.#remove(this.#options.places.epochs(ALL_KINDS))) this.gate.open(turn);
    else if (this.#isReadOnly) this.#seekMaster();
  }

  /** Reconnects to find the new master: after a failover, the old one may still answer, read-only. */
  #seekMaster(): void {
    const { commands, clock } = this.#options;
    this.#isReadOnly = false;
    if (clock.now() < this.#seekAt || !("stream" in commands)) return;
    this.#seekAt = clock.now() + RENEW_MS;
    commands.disconnect(true);
  }

  async #subscribe(): Promise<void> {
    const { subscriber, places, clock, onFailed } = this.#options;
    this.#renewAt = clock.now() + RENEW_MS;
    try {
      await subscriber.subscribe(places.channel, places.acks(this.#id));
      // Publishes a heartbeat at once, without waiting for the next interval.
      if (this.#options.commands.status === "ready") await this.#greet();
    } catch (cause) {
      onFailed(cause);
    }
  }

  #cut(): void {
    this.#isCut = true;
    this.#options.onChange();
  }

  #receive(channel: string, text: string): void {
    const { places } = this.#options;
    if (channel === places.acks(this.#id)) {
      const ack = readAck(text);
      if (!this.#isCut) this.#witness.hear(ack);
      return this.#deliveries.acknowledge(ack);
    }
    const message = readMessage(text);
    if (message === undefined) return;
    const { from, seq, type } = message;
    const wasHearing = this.hears;
    const isNext = this.#peers.hear(from, seq, this.#options.clock.now());
    if (from === this.#id) this.#heardOurselves(wasHearing && isNext);
    else if (!isNext) this.#missed();
    if (type === "bye") for (const known of [this.#peers, this.#deliveries]) known.leave(from);
    if (type === "hello") this.#heardHello(message);
    if (type === "flush" || type === "forget") this.#obey(message);
  }

  #heardOurselves(isUnbroken: boolean): void {
    this.#heardAt = this.#options.clock.now();
    if (isUnbroken) return;
    // Messages sent meanwhile are lost: earlier facts may be invalid, and the peers may not be silent.
    this.#hearsSince = this.#heardAt;
    this.#peers.excuse(this.#heardAt);
    this.#missed();
    this.#isCut = false;
    this.#options.onChange();
  }

  #missed(): void {
    this.#witness.end();
    this.#options.onFlush(ALL_KINDS);
  }

  #heardHello(hello: Ack): void {
    if (hello.from === this.#id) return this.#witness.begin(hello.seq);
    void this.#publish({ type: "beat" }, (this.#seq += 1));
    if (this.gate.isOpen) this.#acknowledge(hello);
  }

  #obey(message: Extract<Message, { type: "flush" | "forget" }>): void {
    if (message.distrust) this.gate.shut();
    if (message.type === "flush") this.#options.onFlush(message.kinds);
    else this.#options.onForget(message.kind, message.name);
    if (message.from !== this.#id) return this.#acknowledge(message);
    const isNew = this.#options.clock.now() - this.#hearsSince < NEW_MS;
    if (isNew) this.#options.clock.after(HELLO_MS, () => this.#expectAcks(message.seq));
    else this.#expectAcks(message.seq);
  }

  #acknowledge({ from, seq }: Ack): void {
    const { commands, places, onFailed } = this.#options;
    commands.publish(places.acks(from), JSON.stringify({ from: this.#id, seq })).catch(onFailed);
  }

  /** Called when this replica receives its own message: the peers heard from by then must acknowledge. */
  #expectAcks(seq: number): void {
    this.#deliveries.expect(seq, this.#peers.alive(this.#id, this.#options.clock.now()));
  }
}

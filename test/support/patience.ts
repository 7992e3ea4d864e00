import type { PoolOptions } from "../../src/http/client/pool.ts";
import { handClock } from "./clock.ts";

/** Settings of a connection pool whose limits no test reaches by accident. A test of a limit sets it. */
export const PATIENT: Omit<PoolOptions, "targets"> = {
  connections: 4,
  queue: 4,
  tenantShare: 1,
  connectTimeout: 20_000,
  firstByteTimeout: 30_000,
  idleTimeout: 40_000,
  deadline: 100_000,
  keepAlive: 4_000,
  maxHeaderSize: 65_536,
  maxAnswer: 1_000,
  breakerFailures: 1_000,
  breakerRetry: 1_000,
  // The clock stands still: a test that needs time to pass moves a clock of its own.
  clock: handClock(),
};

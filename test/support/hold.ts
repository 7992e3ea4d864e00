import { carries, type FaultyLine } from "./faults.ts";

/** Requests whose answers the line keeps. */
export interface Hold {
  /** How many requests the line has taken. */
  readonly taken: () => number;
  /** Resolves when the CMS has answered one of them, and so has read what it answers by. */
  readonly answered: Promise<void>;
  /** Lets later requests and their answers through. Those that were taken stay held. */
  letPass(): void;
  /** Lets everything through, what was held first. */
  release(): void;
}

/** Takes requests whose heads match to the CMS, and keeps their answers until they are released. */
export function hold(line: FaultyLine, only: RegExp): Hold {
  const released = Promise.withResolvers<void>();
  const answered = Promise.withResolvers<void>();
  let taken = 0;
  line.stage(({ forward, gateway }) => {
    taken += 1;
    forward((chunk) => {
      answered.resolve();
      void released.promise.then(() => gateway.destroyed || gateway.write(chunk));
    });
  }, only);
  const letPass = (): void => line.stage(carries);
  return {
    taken: () => taken,
    answered: answered.promise,
    letPass,
    release() {
      letPass();
      released.resolve();
    },
  };
}

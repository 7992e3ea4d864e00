import { carries, type FaultyLine } from "./faults.ts";

/** Requests whose responses the line holds. */
export interface Hold {
  /** How many requests the line has taken. */
  readonly taken: () => number;
  /** Resolves when the CMS has answered one of them, and so has read its data. */
  readonly answered: Promise<void>;
  /** Lets later requests and their responses through. Requests already taken stay held. */
  letPass(): void;
  /** Lets everything through, held responses first. */
  release(): void;
}

/** Forwards matching requests to the CMS and holds their responses until the release. */
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

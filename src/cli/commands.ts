import type { Command } from "./command.ts";

/** A row of the command table. The command's own file is imported on use. */
export interface Entry {
  readonly name: string;
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

/** Every command. A new one is one row here and a file that exports a `Command`. */
export const COMMANDS: readonly Entry[] = [
  { name: "start", summary: "run the gateway", load: async () => (await import("./start.ts")).start },
  { name: "check", summary: "check a configuration", load: async () => (await import("./check.ts")).check },
  {
    name: "audit",
    summary: "advice on a configuration and the live CMS",
    load: async () => (await import("./audit/command.ts")).audit,
  },
  {
    name: "prove",
    summary: "try to break the isolation of a live system",
    load: async () => (await import("./prove.ts")).prove,
  },
  {
    name: "explain",
    summary: "show what becomes of one request",
    load: async () => (await import("./explain/command.ts")).explain,
  },
  {
    name: "openapi",
    summary: "print the OpenAPI description",
    load: async () => (await import("./openapi.ts")).openapi,
  },
  {
    name: "purge",
    summary: "invalidate cached data on all replicas",
    load: async () => (await import("./purge.ts")).purge,
  },
  { name: "version", summary: "print the version", load: async () => (await import("./version.ts")).version },
];

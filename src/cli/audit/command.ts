import type { AuditFinding, Severity } from "../../core/finding.ts";
import { Secret } from "../../core/secret.ts";
import { EXIT, UsageError, type Command } from "../command.ts";
import { CONFIG_FLAG, configOf, keyOf } from "../config.ts";
import { paint, type Io } from "../io.ts";
import { advise } from "./advice.ts";
import { auditLive } from "./live.ts";

/** `partners-gateway audit`. */
export const audit: Command = {
  synopsis: "",
  about:
    "Checks a configuration and the CMS behind it: whether the CMS can be reached without the gateway, trusts tenant\n" +
    "headers, races on idle connections or exposes keys and stack traces, the rights of a key, and the values withheld\n" +
    "from a partner. It only reads, with some 120 requests within a minute. Each finding has a severity, an observation\n" +
    "and a change to make. Exits 0 if the CMS answered and nothing of high or medium severity was found, otherwise 1.",
  flags: {
    ...CONFIG_FLAG,
    "key-env": {
      type: "string",
      value: "name",
      help: "environment variable that holds a partner's key, for the checks that need one",
    },
    public: {
      type: "string",
      value: "origin",
      multiple: true,
      help: "an address that partners use; a gateway must answer there",
    },
    outside: { type: "boolean", help: "this runs on a partner's network: the CMS must not answer here" },
    offline: { type: "boolean", help: "check the configuration only" },
    json: { type: "boolean", help: "print one JSON document" },
  },
  examples: [
    "partners-gateway audit --config gateway.yaml",
    "KEY=… partners-gateway audit --config gateway.yaml --key-env KEY --public https://api.example.com",
    "UPSTREAM_URL=http://203.0.113.7:3000 partners-gateway audit --outside",
    "partners-gateway audit --config gateway.yaml --offline --json",
  ],
  async run(given, io) {
    const publicOrigins = given.texts("public").map(originOf);
    const key = keyOf(given, io);
    const config = configOf(given, io);
    const findings = advise(config);
    if (!given.has("offline")) {
      const isOutside = given.has("outside");
      const secret = key === undefined ? undefined : new Secret(key);
      findings.push(...(await auditLive({ config, key: secret, isOutside, publicOrigins, io })));
    }
    const isOk = !findings.some(({ severity }) => severity === "high" || severity === "medium");
    if (given.has("json")) io.out(JSON.stringify({ ok: isOk, findings }));
    else print(findings, io);
    return isOk ? EXIT.ok : EXIT.failed;
  },
};

const ORDER: readonly Severity[] = ["high", "medium", "low", "note", "unknown", "ok"];
const COLOURS = {
  high: "red",
  medium: "red",
  low: "yellow",
  note: "yellow",
  unknown: "dim",
  ok: "green",
} as const;

/** Prints the findings, the most severe first. */
function print(findings: readonly AuditFinding[], io: Io): void {
  for (const severity of ORDER) {
    for (const { check, seen, change } of findings.filter((finding) => finding.severity === severity)) {
      io.out(`${paint(io, COLOURS[severity], severity.padEnd(7))} ${paint(io, "bold", check)}: ${seen}`);
      if (change !== undefined) io.out(`        -> ${change}`);
    }
  }
}

function originOf(text: string): URL {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol) || url.pathname !== "/" || url.search !== "")
    throw new UsageError(`--public ${text}: expected an origin such as https://api.example.com`);
  return url;
}

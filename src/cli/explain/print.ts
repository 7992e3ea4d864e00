import { paint, type Io } from "../io.ts";
import type { Explanation } from "./explain.ts";
import type { ShownRequest, Step } from "./trace.ts";

const VERDICTS = {
  ready: "gets through",
  answered: "got through",
  refused: "is refused",
  native: "is native traffic",
} as const;

/** Prints an explanation for people: a line a stage, the request to the CMS, what the partner gets. */
export function print(explanation: Explanation, io: Io): void {
  const { method, target, steps, upstream, answer, reason, verdict } = explanation;
  io.out(paint(io, "bold", `${method} ${target}`));
  for (const step of steps) for (const line of stepLines(step, io)) io.out(line);
  if (upstream !== undefined) {
    io.out(`\n${paint(io, "bold", answer === undefined ? "would be sent to the CMS:" : "sent to the CMS:")}`);
    for (const line of requestLines(upstream)) io.out(`  ${line}`);
  }
  if (answer !== undefined) {
    io.out(`\n${paint(io, "bold", "the partner gets:")}\n  ${answer.status}`);
    for (const [name, value] of Object.entries(answer.headers)) io.out(`  ${name}: ${value}`);
    for (const line of JSON.stringify(answer.body, undefined, 2).split("\n")) io.out(`  ${line}`);
  }
  if (reason !== undefined) io.out(`\n${paint(io, "yellow", reason)}`);
  io.out(`\nThe request ${paint(io, verdict === "refused" ? "red" : "green", VERDICTS[verdict])}.`);
}

function stepLines({ stage, outcome, ms, adds, from, asked, code }: Step, io: Io): string[] {
  const mark =
    outcome === "passed" ? paint(io, "green", "✓") : outcome === "refused" ? paint(io, "red", "✗") : "·";
  const origins = Object.entries(from).map(
    ([fact, via]) => `${fact} from ${via === "cms" ? "the CMS" : via}`,
  );
  const ending = outcome === "stopped" ? ["not sent"] : code === undefined ? [] : [code];
  return [
    `${mark} ${stage.padEnd(13)} ${[`${ms} ms`, ...origins, ...ending].join(", ")}`,
    ...Object.entries(adds).map(([name, value]) => `    ${name}: ${JSON.stringify(value)}`),
    ...asked.map(
      ({ request, status, ms: took }) =>
        `    ${paint(io, "dim", `asked ${request.method} ${request.target} → ${status ?? "no answer"} (${took} ms)`)}`,
    ),
  ];
}

function requestLines({ method, target, headers, body }: ShownRequest): string[] {
  return [
    `${method} ${target}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    ...(body === undefined ? [] : ["", body]),
  ];
}

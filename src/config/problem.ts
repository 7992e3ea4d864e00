/** One thing that is wrong with a configuration. */
export interface Problem {
  /** The way to the setting through sections and lists; also finds its place in the file. */
  readonly path: readonly PropertyKey[];
  /** What the message calls it, where that is not the path. */
  readonly label?: string;
  /** The environment variable that the value came from. */
  readonly from?: string;
  /** What to change. Holds no value that could be a secret. */
  readonly message: string;
}

/** Every problem of a configuration at once, in words that say what to change. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(
      `The configuration has ${problems.length === 1 ? "a problem" : `${problems.length} problems`}:\n${problems.map((problem) => `  - ${problem}`).join("\n")}`,
    );
    this.problems = problems;
  }
}

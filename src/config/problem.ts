/** A problem of a configuration. */
export interface Problem {
  /** The path of the setting through sections and lists; also locates it in the file. */
  readonly path: readonly PropertyKey[];
  /** The setting's name in the message, if it differs from the path. */
  readonly label?: string;
  /** The environment variable that set the value. */
  readonly from?: string;
  /** The change to make. Contains no value that could be a secret. */
  readonly message: string;
}

/** All problems of a configuration, each with the change to make. */
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

import { spawn } from "node:child_process";
import { Client } from "pg";
import { buildTap } from "./build-tap.ts";

/** `npm run test:postgres`: runs the tests that depend on the database with a Payload on PostgreSQL. */

const FILES = [
  "test/integration/isolation-matrix.test.ts",
  "test/integration/isolation-group.test.ts",
  "test/integration/isolation-race.test.ts",
  "test/adversarial/partners-oracles.test.ts",
  "test/integration/faithful-locks.test.ts",
  "test/integration/faithful-values.test.ts",
  "test/integration/faithful-virtual.test.ts",
  "test/integration/faithful-writes.test.ts",
];
const url = process.env["TEST_POSTGRES_URL"] ?? "postgres://postgres@127.0.0.1:5432/postgres";

const built = buildTap();
if (built !== 0) {
  process.exitCode = built;
} else if (await answers()) {
  const tap = spawn("tap", ["--disable-coverage", "--jobs=1", "--timeout=900", "--reporter=tap", ...FILES], {
    stdio: "inherit",
    env: { ...process.env, TEST_POSTGRES_URL: url },
  });
  tap.once("exit", (code) => {
    process.exitCode = code ?? 1;
  });
} else {
  process.stderr.write(
    "no PostgreSQL: install it (Debian: postgresql; or the image postgres:17) and set TEST_POSTGRES_URL to a superuser's URL\n",
  );
  process.exitCode = 1;
}

async function answers(): Promise<boolean> {
  try {
    const client = new Client({ connectionString: url, connectionTimeoutMillis: 5000 });
    await client.connect();
    await client.end();
    return true;
  } catch {
    return false;
  }
}

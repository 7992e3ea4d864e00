import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { renderError } from "../../src/core/envelope.ts";
import {
  CATALOGUE,
  GatewayError,
  toGatewayError,
  type ErrorCode,
  type ErrorEntry,
} from "../../src/core/errors.ts";

const root = join(import.meta.dirname, "../..");
const docs = readFileSync(join(root, "docs/errors.md"), "utf8");
const rows = new Map(
  [...docs.matchAll(/^\| `([\w.-]+)` \| (\d+) \| ([^|]+?) \|/gm)].map(
    ([, code = "", status = "", error = ""]) => [code, { status: Number(status), error }],
  ),
);
const codes = Object.keys(CATALOGUE).filter((code): code is ErrorCode => code in CATALOGUE);
const entryOf = (code: ErrorCode): ErrorEntry => CATALOGUE[code];

t.test("docs/errors.md lists exactly the catalogue's codes, with their status and error", async (t) => {
  t.strictSame([...rows.keys()].toSorted(), codes.toSorted());
  for (const code of codes) {
    const { status, error } = entryOf(code);
    t.strictSame(rows.get(code), { status, error }, code);
  }
});

t.test("every code is thrown in some file", async (t) => {
  const files = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" }).filter((name) =>
    name.endsWith(".ts"),
  );
  const source = files
    .filter((name) => name !== "core/errors.ts")
    .map((name) => readFileSync(join(root, "src", name), "utf8"))
    .join("\n");
  for (const code of codes) t.ok(source.includes(`"${code}"`), code);
});

t.test("the error envelope matches the contract for every code", async (t) => {
  for (const code of codes) {
    const answer = renderError(
      new GatewayError(code, { params: { version: "v", supported: "s", limit: 5 } }),
      "the-id",
    );
    const body: unknown = JSON.parse(String(answer.body));
    const message = entryOf(code)
      .message.replace("{version}", "v")
      .replace("{supported}", "s")
      .replace("{limit}", "5");
    t.strictSame(body, { error: entryOf(code).error, message, requestId: "the-id" }, code);
    t.equal(answer.headers["x-request-id"], "the-id");
    t.equal(answer.headers["content-type"], "application/json; charset=utf-8");
    t.equal(answer.headers["cache-control"], "no-store");
    t.equal(
      answer.headers["www-authenticate"],
      answer.status === 401 ? 'API-Key realm="partners"' : undefined,
    );
    t.equal(
      "retry-after" in answer.headers,
      answer.status === 503 || answer.status === 429,
      `${code} retry-after`,
    );
  }
});

t.test("no text of a cause gets into a response, whatever was thrown", async (t) => {
  const secret = "users API-Key 1111-secret";
  const thrown = [
    new Error(secret),
    secret,
    { message: secret },
    null,
    undefined,
    new GatewayError("upstream.failed", { cause: new Error(secret) }),
    new GatewayError("document.invalid", { fields: [], cause: { body: secret } }),
  ];
  for (const value of thrown) {
    const { body } = renderError(toGatewayError(value), "id");
    t.notMatch(String(body), "secret");
  }
});

t.test(
  "unreachable rows of the contract: 500 Tenant context missing, 500 An unexpected error occurred",
  async (t) => {
    const render = (error: GatewayError): unknown => JSON.parse(String(renderError(error, "id").body));
    t.strictSame(render(new GatewayError("tenant.absent")), {
      error: "Tenant context missing",
      message: "Unable to resolve tenant for this request",
      requestId: "id",
    });
    t.strictSame(render(toGatewayError(new TypeError("x"))), {
      error: "Server Error",
      message: "An unexpected error occurred",
      requestId: "id",
    });
  },
);

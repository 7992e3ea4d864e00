import t from "tap";
import { redacted } from "../../../src/cli/config.ts";
import { scrub } from "../../../src/observe/scrub.ts";

t.test("removes the whole password of a URL, even with an @ in it", (t) => {
  for (const url of [
    "redis://:p@ss@redis:6379/1",
    "redis://user:p@@s@redis:6379/1",
    "rediss://:pass@redis:6379/1",
  ]) {
    const expected = `${url.split(":", 1)[0]}://[secret]@redis:6379/1`;
    t.equal(redacted(url), expected);
    t.equal(scrub(`connect ${url} failed`), `connect ${expected} failed`);
  }
  t.end();
});

import t from "tap";
import { inPlace } from "../../../src/core/place.ts";

t.test("a slot is released when the answer is written, and at once after an error", async (t) => {
  let left = 0;
  let written = (): void => undefined;
  const request = { afterwards: (task: () => void) => void (written = task) };
  const leave = (): void => void (left += 1);
  t.equal(await inPlace(request, leave, async () => "answer"), "answer");
  t.equal(left, 0);
  written();
  t.equal(left, 1);
  await t.rejects(
    inPlace(request, leave, () => Promise.reject(new Error("failed"))),
    /failed/,
  );
  t.equal(left, 2);
});

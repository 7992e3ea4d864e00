import t from "tap";
import { withSlot } from "../../../src/core/async/with-slot.ts";

t.test("a slot is released when the answer is written, and at once after an error", async (t) => {
  let left = 0;
  let written = (): void => undefined;
  const request = { afterwards: (task: () => void) => void (written = task) };
  const leave = (): void => void (left += 1);
  t.equal(await withSlot(request, leave, async () => "answer"), "answer");
  t.equal(left, 0);
  written();
  t.equal(left, 1);
  await t.rejects(
    withSlot(request, leave, () => Promise.reject(new Error("failed"))),
    /failed/,
  );
  t.equal(left, 2);
});

import t from "tap";
import { systemClock, wallTime } from "../../../src/app/clock.ts";
import { recordingOf } from "../../../src/app/recording.ts";
import { createPipeline } from "../../../src/partners/pipeline.ts";
import { combineEvents } from "../../../src/observe/events.ts";
import { configFor } from "../../support/gateway.ts";

t.test("where no request is to be kept, nothing is in a request's way", async (t) => {
  const lasting = { clock: systemClock, wallTime, tell: combineEvents([]) };
  const off = recordingOf(configFor("http://127.0.0.1:1", {}), lasting);
  t.equal(off.recorder, undefined);
  t.equal(off.pipeline, createPipeline, "the pipeline is the one without it");
  t.strictSame(off.layers, []);
  t.equal(off.tell, lasting.tell);
  const on = recordingOf(configFor("http://127.0.0.1:1", { trace: { keep: 1 } }), lasting);
  t.not(on.pipeline, createPipeline);
  t.equal(on.layers.length, 1);
});

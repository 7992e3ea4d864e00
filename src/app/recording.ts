import type { Config } from "../config/schema.ts";
import { createPipeline, type Handler, type Stages } from "../partners/pipeline.ts";
import type { Layer } from "../partners/layers.ts";
import { Recorder } from "../observe/explain/recorder.ts";
import type { Events, NativeRefusalEvent } from "../observe/events.ts";
import type { ProcessServices } from "./process-services.ts";

/** What keeps past requests to be explained, and the places at which it has to be told of them. */
export interface Recording {
  /** `undefined` where no request is kept: nothing is in a request's way then. */
  readonly recorder: Recorder | undefined;
  /** Around a request with its failures rendered. */
  readonly layers: readonly Layer[];
  /** The pipeline of one CMS. */
  readonly pipeline: (stages: Stages) => Handler;
  /** Tells everybody, the recorder included. */
  readonly tell: Events;
}

/** The recording that a configuration asks for. */
export function recordingOf(
  { trace }: Pick<Config, "trace">,
  { clock, wallTime, tell }: Pick<ProcessServices, "clock" | "wallTime" | "tell">,
): Recording {
  if (trace.keep === 0) return { recorder: undefined, layers: [], pipeline: createPipeline, tell };
  const recorder = new Recorder({ clock, wallTime, ...trace });
  const refused = (refusal: NativeRefusalEvent): void => {
    tell.refused(refusal);
    recorder.refused(refusal);
  };
  return {
    recorder,
    layers: [recorder.layer],
    pipeline: (stages) => recorder.pipeline(stages, createPipeline),
    tell: { ...tell, refused },
  };
}

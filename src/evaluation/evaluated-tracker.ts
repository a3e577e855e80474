/** One tracker over one sequence: ours, or any module that keeps the same contract. */
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { TrackerOptions } from '../config.js';
import { messageOf, TrackerError } from '../errors.js';
import type { FrameBox } from '../geometry.js';
import type { Frame } from '../image/frame.js';
import { createTracker } from '../tracker/tracker.js';
import { openVideo } from '../video/read.js';
import type { EvaluationSequence, SequenceResult } from './types.js';

/** What a module given with --tracker exports as createTracker(options): the contract of our own tracker, confidence left to choice. */
export interface ForeignTracker {
  init(frame: Frame, box: FrameBox): unknown;
  update(frame: Frame): PromiseLike<ForeignAnswer> | ForeignAnswer;
  release?(): unknown;
  /** Execution provider of its networks. */
  readonly description?: { readonly device: string };
}

export interface ForeignAnswer {
  readonly box: FrameBox;
  readonly confidence?: number;
}

/** What a run adds to the result. */
export interface RunResult extends SequenceResult {
  readonly confidence: Float64Array;
  readonly seconds: Float64Array;
  /** Execution provider, where the tracker tells. */
  readonly provider?: string;
}

export type OpenTracker = (options: TrackerOptions) => Promise<ForeignTracker>;

/** @param file ES module; left out: our own tracker. @throws TrackerError INPUT_NOT_FOUND where it exports no createTracker */
export async function findTracker(file?: string): Promise<OpenTracker> {
  if (file === undefined) return createTracker;
  const hint =
    'a module that exports createTracker(options) with init(frame, box) and update(frame) -> {box, confidence}';
  const loaded = await import(pathToFileURL(path.resolve(file)).href).catch((cause: unknown) => {
    throw new TrackerError('INPUT_NOT_FOUND', `tracker ${file}: ${messageOf(cause)}`, { hint, cause });
  });
  const { createTracker: create } = loaded as { createTracker?: unknown };
  if (typeof create === 'function') return async (options) => (await create(options)) as ForeignTracker;
  throw new TrackerError('INPUT_NOT_FOUND', `tracker ${file}: found no export createTracker`, { hint });
}

/**
 * One pass from the first true box over the annotated frames.
 * @throws TrackerError DATA_INVALID where the frames end early or the first box is none; those of the tracker and of openVideo
 */
export async function runSequence(
  open: OpenTracker,
  options: TrackerOptions,
  sequence: EvaluationSequence,
  onFrame?: (done: number) => void,
): Promise<RunResult> {
  const frames = sequence.truth.length / 4;
  const boxes = new Float64Array(4 * frames);
  const confidence = new Float64Array(frames).fill(1);
  const seconds = new Float64Array(frames);
  const [x, y, w, h] = sequence.truth as unknown as [number, number, number, number];
  const source = await openVideo(sequence.source, { start: { frame: sequence.start } });
  const tracker = await open(options);
  let done = 0;
  try {
    for await (const frame of source.frames()) {
      const started = performance.now();
      if (done === 0) {
        await tracker.init(frame, { x, y, w, h });
        boxes.set([x, y, w, h]); // as given: what the tracker clipped of it is no answer
      } else {
        const answer = await tracker.update(frame);
        boxes.set([answer.box.x, answer.box.y, answer.box.w, answer.box.h], 4 * done);
        confidence[done] = answer.confidence ?? 1;
      }
      seconds[done] = (performance.now() - started) / 1000;
      onFrame?.(++done);
      if (done === frames) break;
    }
  } finally {
    await tracker.release?.();
  }
  if (done < frames) {
    throw new TrackerError(
      'DATA_INVALID',
      `sequence ${sequence.name}: ${sequence.source} ended after ${done} frames, expected ${frames}`,
      {
        hint: 'fetch the frames of that sequence again',
      },
    );
  }
  const provider = tracker.description?.device;
  return { boxes, confidence, seconds, ...(provider === undefined ? {} : { provider }) };
}

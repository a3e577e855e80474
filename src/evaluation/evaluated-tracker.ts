/** One tracker over one sequence: ours, or any module that keeps the same contract. */
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { TrackerOptions } from '../config.js';
import { messageOf, TrackerError } from '../errors.js';
import type { FrameBox } from '../geometry.js';
import type { Frame } from '../image/frame.js';
import { createTracker } from '../node/open.js';
import { openVideo } from '../video/read.js';
import { boxAt, trueBoxAt } from './overlaps.js';
import { overlapWithTruth, runWithRestarts } from './protocols/vot.js';
import { packRestarts } from './protocols/vot-restarts.js';
import type { AnnotatedSequence } from '../datasets/types.js';
import type { SequenceResult } from './types.js';

/** Tracker that createTracker(options) of a --tracker module returns: the contract of our own, but the confidence is optional. */
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

/** Result of a run; confidences and times are always there. */
export interface RunResult extends SequenceResult {
  readonly confidence: Float64Array;
  readonly seconds: Float64Array;
  /** Execution provider, where the tracker tells. */
  readonly provider?: string | undefined;
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

type OnFrame = (done: number) => void;

/**
 * One pass from the first true box over the annotated frames.
 * @throws TrackerError DATA_INVALID where the frames end early or the first box is none; those of the tracker and of openVideo
 */
export async function runSequence(
  open: OpenTracker,
  options: TrackerOptions,
  sequence: AnnotatedSequence,
  onFrame?: OnFrame,
): Promise<RunResult> {
  const first = boxAt(sequence.truth, 0);
  return runFrames(open, options, sequence, onFrame, async (run) => {
    await run.init(0, first);
    run.boxes.set([first.x, first.y, first.w, first.h]); // as given: what the tracker clipped of it is no answer
    for (let frame = 1; frame < run.frames; frame++) {
      const { x, y, w, h } = await run.update(frame);
      run.boxes.set([x, y, w, h], 4 * frame);
    }
  });
}

/** The same with VOT's supervision: rows as in protocols/vot-restarts.ts; no confidence where the tracker was started or not run. */
export async function runSequenceWithRestarts(
  open: OpenTracker,
  options: TrackerOptions,
  sequence: AnnotatedSequence,
  onFrame?: OnFrame,
): Promise<RunResult> {
  return runFrames(open, options, sequence, onFrame, async (run) => {
    run.confidence.fill(Number.NaN);
    const frames = await runWithRestarts({
      frames: run.frames,
      init: (frame) => run.init(frame, boxAt(sequence.truth, frame)),
      async update(frame) {
        const { x, y, w, h } = await run.update(frame);
        return [x, y, w, h];
      },
      // where nothing is known, nothing has failed
      overlap: (frame, answer) => (trueBoxAt(sequence, frame) ? overlapWithTruth(sequence, frame, answer) : 1),
      canStart: (frame) => trueBoxAt(sequence, frame) !== undefined,
    });
    run.boxes.set(packRestarts(frames, sequence.name));
  });
}

/** A tracker before the frames of a sequence, which are asked for in order; frames may be left out. */
interface Run {
  readonly frames: number;
  readonly boxes: Float64Array;
  readonly confidence: Float64Array;
  init(frame: number, box: FrameBox): Promise<void>;
  update(frame: number): Promise<FrameBox>;
}

async function runFrames(
  open: OpenTracker,
  options: TrackerOptions,
  sequence: AnnotatedSequence,
  onFrame: OnFrame | undefined,
  body: (run: Run) => Promise<void>,
): Promise<RunResult> {
  const frames = sequence.truth.length / 4;
  const boxes = new Float64Array(4 * frames);
  const confidence = new Float64Array(frames).fill(1);
  const seconds = new Float64Array(frames);
  const source = await openVideo(sequence.source, { start: { frame: sequence.start }, again: true });
  const tracker = await open(options);
  const images = source.frames()[Symbol.asyncIterator]();
  let read = 0;
  const timed = async <T>(frame: number, work: (image: Frame) => PromiseLike<T> | T): Promise<T> => {
    const image = await frameAt(frame);
    const started = performance.now();
    const result = await work(image);
    seconds[frame] = (performance.now() - started) / 1000;
    onFrame?.(read);
    return result;
  };
  const frameAt = async (frame: number): Promise<Frame> => {
    for (;;) {
      const next = await images.next();
      if (next.done === true) throw endedEarly(sequence, read, source.warnings);
      read = next.value.index - sequence.start + 1;
      // every frame has a row: one that cannot be read would shift all that follow
      if (read > frame + 1) throw frameMissing(sequence, frame, source.warnings);
      if (read === frame + 1) return next.value;
    }
  };
  try {
    await body({
      frames,
      boxes,
      confidence,
      async init(frame, box) {
        await timed(frame, (image) => tracker.init(image, box));
      },
      async update(frame) {
        const answer = await timed(frame, (image) => tracker.update(image));
        confidence[frame] = answer.confidence ?? 1;
        return answer.box;
      },
    });
  } finally {
    await images.return?.(undefined);
    await tracker.release?.();
  }
  const provider = tracker.description?.device;
  return { boxes, confidence, seconds, provider };
}

function frameMissing({ name }: AnnotatedSequence, frame: number, warnings: readonly string[]): TrackerError {
  const why = warnings.at(-1) ?? 'it could not be read';
  return new TrackerError('DATA_INVALID', `sequence ${name}: frame ${frame} is missing: ${why}`, {
    hint: 'fetch the frames of that sequence again',
  });
}

function endedEarly(
  { name, source, truth }: AnnotatedSequence,
  frames: number,
  warnings: readonly string[],
): TrackerError {
  const why = warnings.length > 0 ? ` (${warnings.at(-1)})` : '';
  return new TrackerError(
    'DATA_INVALID',
    `sequence ${name}: ${source} ended after ${frames} frames, expected ${truth.length / 4}${why}`,
    { hint: 'fetch the frames of that sequence again' },
  );
}

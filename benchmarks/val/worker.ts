/** Worker script of the benchmark val where more than boxes is asked for: evaluate's runner, and a tracker that is watched. */
import path from 'node:path';
import { intersectionOverUnion, type FrameBox } from '../../src/geometry.js';
import type { AnnotatedSequence } from '../../src/datasets/types.js';
import type { ForeignAnswer, OpenTracker } from '../../src/evaluation/evaluated-tracker.js';
import { trueBoxAt } from '../../src/evaluation/overlaps.js';
import { writeWhole } from '../../src/evaluation/results.js';
import { runSequenceJob, serveJobs, type Job } from '../../src/evaluation/worker.js';
import type { Frame } from '../../src/image/frame.js';
import { createTracker } from '../../src/node/open.js';
import { ORACLES, type Oracle } from './oracles.js';

/** Settings of a watched run. */
export interface Watch {
  readonly oracle: Oracle;
}

/** What is seen of a watched run beside its results. */
export interface Seen {
  /** Frames on which the oracle moved the box. */
  readonly moved: number;
  /** Inputs of the confidence, the confidence, and the overlap of each frame with truth. */
  readonly figures: readonly (readonly number[])[];
  /** x, y, w, h a frame, two decimals. */
  readonly boxes: readonly (readonly number[])[];
}

/** File of Seen, beside a run's results. */
export function seenFile(folder: string, sequence: string): string {
  return path.join(folder, 'seen', `${sequence}.json`);
}

/** Our tracker with an oracle beside it; what was seen is written when it is released. */
function watched(sequence: AnnotatedSequence, oracle: Oracle, file: string): OpenTracker {
  return async (options) => {
    const tracker = await createTracker(options);
    const figures: number[][] = [];
    const boxes: number[][] = [];
    let moved = 0;
    const note = ({ x, y, w, h }: FrameBox, confidence: number): void => {
      const truth = trueBoxAt(sequence, boxes.length);
      const overlap = truth ? intersectionOverUnion({ x, y, w, h }, truth) : 0;
      const view = tracker.inspect();
      if (view) figures.push([...view.inputs, confidence, overlap]);
      boxes.push([x, y, w, h].map((value) => Math.round(100 * value) / 100));
    };
    return {
      description: tracker.description,
      async init(frame: Frame, box: FrameBox) {
        const { confidence } = await tracker.init(frame, box);
        note(box, confidence); // as given, whatever was clipped of it
      },
      async update(frame: Frame): Promise<ForeignAnswer> {
        const { box: own, confidence } = await tracker.update(frame);
        const truth = trueBoxAt(sequence, boxes.length);
        const told = truth ? ORACLES[oracle](own, truth) : own;
        if (told !== own) {
          await tracker.moveTo(frame, told);
          moved++;
        }
        const box = oracle === 'restart' ? own : told;
        note(box, confidence);
        return { box, confidence };
      },
      async release() {
        await tracker.release();
        await writeWhole(file, JSON.stringify({ moved, figures, boxes } satisfies Seen));
      },
    };
  };
}

serveJobs(import.meta.url, (job: Job) =>
  runSequenceJob(job, async (sequence) =>
    watched(sequence, (job.extra as Watch).oracle, seenFile(job.folder!, sequence.name)),
  ),
);

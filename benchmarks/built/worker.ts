/** Worker script of the benchmark built: the tracker over one case. */
import type { TrackerOptions } from '../../src/config.js';
import { serveJobs } from '../../src/evaluation/worker.js';
import { intersectionOverUnion } from '../../src/geometry.js';
import { createTracker } from '../../src/node/open.js';
import type { BuiltCase } from './case.js';
import { composeCase } from './compose.js';
import type { CaseTrace, Moment } from './score.js';

export interface Job {
  readonly built: BuiltCase;
  readonly seed: number;
  readonly config: TrackerOptions;
}

export interface JobResult extends CaseTrace {
  /** As the benchmark val has them: inputs of the confidence, the confidence, the overlap; of scored frames. */
  readonly figures: readonly (readonly number[])[];
  readonly msPerFrame: number;
}

async function runCase({ built, seed, config }: Job): Promise<JobResult> {
  const tracker = await createTracker({ ...config, seed, threads: 1 });
  const moments: Moment[] = [];
  const figures: number[][] = [];
  let spent = 0;
  for await (const { frame, truth } of composeCase(built)) {
    if (frame.index === 0) {
      if (truth.is === 'present') await tracker.init(frame, truth.box);
      continue;
    }
    const started = performance.now();
    const { box, confidence, state } = await tracker.update(frame);
    spent += performance.now() - started;
    const overlap = truth.is === 'present' ? intersectionOverUnion(box, truth.box) : 0;
    moments.push({ truth: truth.is, overlap, confidence, state });
    const view = tracker.inspect();
    if (view && truth.is !== 'unscored') figures.push([...view.inputs, confidence, overlap]);
  }
  await tracker.release();
  const { name, kind } = built;
  return { name, kind, seed, moments, figures, msPerFrame: spent / moments.length };
}

serveJobs(import.meta.url, runCase);

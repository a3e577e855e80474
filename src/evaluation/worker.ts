/** A process of the pool: runs one sequence after another, and writes each result itself. */
import { pathToFileURL } from 'node:url';
import workerpool from 'workerpool';
import type { TrackerOptions } from '../config.js';
import { TrackerError } from '../errors.js';
import { findDataset } from './datasets/index.js';
import { findTracker, runSequence } from './evaluated-tracker.js';
import { writeSequenceResult } from './results.js';

export interface Job {
  readonly dataset: string;
  readonly root: string;
  readonly sequence: string;
  /** Module of another tracker; left out: ours. */
  readonly module?: string;
  readonly options: TrackerOptions;
  /** Folder of the result files. */
  readonly folder: string;
}

export type JobOutcome =
  | { readonly frames: number; readonly seconds: number }
  | { readonly code: string; readonly message: string; readonly hint: string };

/** Errors come back as values: a fault of one sequence is a row of the report, and a class does not survive the way to the parent. */
async function run(job: Job): Promise<JobOutcome> {
  try {
    const sequence = await findDataset(job.dataset).read(job.root, job.sequence);
    const open = await findTracker(job.module);
    const result = await runSequence(open, job.options, sequence, (done) => workerpool.workerEmit({ done }));
    await writeSequenceResult(job.folder, job.sequence, result);
    return { frames: result.boxes.length / 4, seconds: result.seconds!.reduce((a, b) => a + b, 0) };
  } catch (error) {
    if (error instanceof TrackerError) return { code: error.code, message: error.message, hint: error.hint };
    return {
      code: 'UNEXPECTED',
      message: String(error),
      hint: 'a fault of the tracker; run that sequence alone to see more',
    };
  }
}

// the parent finds the rules of this file by importing its types; only a process of the pool serves
if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href)
  workerpool.worker({ run });

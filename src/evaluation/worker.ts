/** The work of a pool's processes: one sequence after another. */
import { pathToFileURL } from 'node:url';
import workerpool from 'workerpool';
import type { TrackerOptions } from '../config.js';
import { TrackerError } from '../errors.js';
import { collectLess } from '../runtime/collector.js';
import { findDataset } from '../datasets/index.js';
import { findTracker, runSequence, runSequenceWithRestarts, type OpenTracker } from './evaluated-tracker.js';
import type { AnnotatedSequence } from '../datasets/types.js';
import { writeSequenceResult } from './results.js';
import type { SequenceResult } from './types.js';

export interface Job {
  readonly dataset: string;
  readonly root: string;
  readonly sequence: string;
  /** Module of another tracker; left out: ours. */
  readonly module?: string | undefined;
  readonly options: TrackerOptions;
  /** Folder of the result files; left out: the result comes back with the outcome. */
  readonly folder?: string | undefined;
  /** Settings of a worker script other than this one. */
  readonly extra?: unknown;
}

/** A result as numbers of JSON: what is no finite number is null there. */
export interface PackedResult {
  readonly boxes: readonly (number | null)[];
  readonly confidence?: readonly (number | null)[] | undefined;
  readonly seconds?: readonly (number | null)[] | undefined;
}

export interface JobDone {
  readonly frames: number;
  /** Seconds of the tracker alone, over all frames. */
  readonly seconds: number;
  /** Execution provider of the networks, where the tracker tells. */
  readonly provider?: string | undefined;
  readonly result?: PackedResult | undefined;
}

export interface JobFault {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

export type JobOutcome = JobDone | JobFault;

/**
 * Runs one sequence. Errors come back as values: a fault of one sequence is a row of the report, and a class does not survive the way to
 * the parent.
 * @param openFor how the tracker of a sequence is opened; left out: the job's module, or ours
 */
export async function runSequenceJob(
  job: Job,
  openFor: (sequence: AnnotatedSequence) => Promise<OpenTracker> = () => findTracker(job.module),
): Promise<JobOutcome> {
  try {
    const dataset = findDataset(job.dataset);
    const sequence = await dataset.read(job.root, job.sequence);
    const runOne = dataset.restarts ? runSequenceWithRestarts : runSequence;
    const open = await openFor(sequence);
    const { provider, ...result } = await runOne(open, job.options, sequence, (done) =>
      workerpool.workerEmit({ done }),
    );
    if (job.folder !== undefined) await writeSequenceResult(job.folder, job.sequence, result);
    return {
      frames: result.boxes.length / 4,
      seconds: result.seconds.reduce((a, b) => a + b, 0),
      provider,
      result: job.folder === undefined ? packResult(result) : undefined,
    };
  } catch (error) {
    if (error instanceof TrackerError) return { code: error.code, message: error.message, hint: error.hint };
    return {
      code: 'UNEXPECTED',
      message: String(error),
      hint: 'a fault of the tracker; run that sequence alone to see more',
    };
  }
}

function packResult({ boxes, confidence, seconds }: SequenceResult): PackedResult {
  return {
    boxes: Array.from(boxes),
    confidence: confidence && Array.from(confidence),
    seconds: seconds && Array.from(seconds),
  };
}

/**
 * Does the jobs of a pool that was opened with `script`. In any other process nothing happens: it imports the script for its types.
 * @param script import.meta.url of the worker script
 */
export function serveJobs<OneJob, Outcome>(script: string, run: (job: OneJob) => Promise<Outcome>): void {
  if (process.argv[1] === undefined || script !== pathToFileURL(process.argv[1]).href) return;
  if (process.connected === false) process.exit(1); // the parent was killed while this process started
  collectLess();
  workerpool.worker({ run });
}

serveJobs(import.meta.url, (job: Job) => runSequenceJob(job));

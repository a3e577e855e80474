/** Plans a run: sequences without a result, longest first; and its bookkeeping, for the runner and the queue alike. */
import path from 'node:path';
import type { TrackerOptions } from '../config.js';
import { TrackerError } from '../errors.js';
import { findDataset } from '../datasets/index.js';
import { mapLimited } from '../limit.js';
import { hasSequenceResult, writeWhole } from './results.js';
import { claimFolder, closeRecord, makeRecord, readRunRecord, type RunPlace } from './run-record.js';
import type { Job, JobOutcome } from './worker.js';

export interface EvaluationOptions {
  readonly dataset: string;
  readonly root: string;
  /** Results go to OUT/TRACKER/DATASET/seed-N. */
  readonly out: string;
  /** Name of the folder. */
  readonly tracker: string;
  /** Module of another tracker, see evaluated-tracker.ts; left out: ours. */
  readonly module?: string | undefined;
  readonly config: TrackerOptions;
  readonly seeds: readonly number[];
  /** Only these sequences. */
  readonly only?: readonly string[] | undefined;
  /** Processes; default: one a core. */
  readonly workers?: number | undefined;
  /** Threads of each; default: cores shared out evenly. */
  readonly threads?: number | undefined;
  /** Worker script in place of worker.ts, where a benchmark watches the tracker. */
  readonly script?: URL | undefined;
  /** Told to that script with each job. */
  readonly extra?: unknown;
  /** The command that made the results, for run.json. */
  readonly command: string;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: EvaluationProgress) => void) | undefined;
}

/** How far a run is. */
export interface EvaluationProgress {
  /** Sequences run. */
  readonly done: number;
  /** Sequences that had a result already. */
  readonly skipped: number;
  /** Sequences of all seeds. */
  readonly total: number;
  /** Those that could not be run. */
  readonly failed: readonly Failure[];
  /** Sequences at work, with the frames they have done. */
  readonly running: ReadonlyMap<string, number>;
  /** Frames a second of all processes together. */
  readonly framesPerSecond: number;
  /** Estimate from the frames that are left; undefined before the first frame. */
  readonly secondsLeft?: number | undefined;
  /** Sequence that has just ended. */
  readonly ended?:
    | {
        /** Its name. */
        readonly sequence: string;
        /** Seed of the run. */
        readonly seed: number;
        /** Frames it has. */
        readonly frames: number;
        /** Seconds the tracker took. */
        readonly seconds: number;
      }
    | undefined;
}

/** A sequence that could not be run. */
export interface Failure {
  /** Its name. */
  readonly sequence: string;
  /** Seed of the run. */
  readonly seed: number;
  /** As of TrackerError, or WORKER_DIED. */
  readonly code: string;
  /** Says what failed, where, what was found and what was expected. */
  readonly message: string;
  /** The command or change that mends it. */
  readonly hint: string;
}

export interface EvaluationSummary {
  /** One a seed. */
  readonly folders: readonly string[];
  readonly done: number;
  readonly skipped: number;
  readonly failed: readonly Failure[];
}

export interface Task extends Job {
  readonly seed: number;
  readonly folder: string;
  /** Annotated frames; 0 where the sequence cannot be read. */
  readonly frames: number;
}

export interface Plan {
  /** Longest first, so that none is left to run alone at the end. */
  readonly tasks: readonly Task[];
  /** One a seed. */
  readonly folders: readonly string[];
  readonly names: readonly string[];
  readonly total: number;
}

/** Folder of the results of one run. */
export function runFolder(out: string, tracker: string, dataset: string, seed: number): string {
  return path.join(out, tracker, dataset, `seed-${seed}`);
}

/**
 * Claims the folders of all seeds and finds what is still to be done in them.
 * @throws TrackerError OPTION_INVALID (unknown sequence, folder of another run), DATA_INVALID (no sequence)
 */
export async function planRun(options: EvaluationOptions, place: RunPlace): Promise<Plan> {
  const { dataset, root, out, tracker, module, config, command, extra } = options;
  const names = options.only ?? (await findDataset(dataset).list(root));
  if (options.only) await checkNames(options.only, dataset, root);
  const key = { tracker, dataset, options: config, module, ...place, command };
  const { threads } = place;
  const missing: Omit<Task, 'frames'>[] = [];
  const folders: string[] = [];
  for (const seed of options.seeds) {
    const folder = runFolder(out, tracker, dataset, seed);
    await refuseForeign(folder, names);
    await claimFolder(folder, await makeRecord({ ...key, seed }));
    folders.push(folder);
    for (const sequence of names) {
      if (await hasSequenceResult(folder, sequence)) continue;
      missing.push({
        dataset,
        root,
        sequence,
        seed,
        options: { ...config, seed, threads: threads ?? config.threads },
        folder,
        extra,
        module,
      });
    }
  }
  const frames = await countFrames(dataset, root, [...new Set(missing.map(({ sequence }) => sequence))]);
  const tasks = missing.map((task) => ({ ...task, frames: frames.get(task.sequence)! }));
  return { tasks: tasks.toSorted((a, b) => b.frames - a.frames), folders, names, total: names.length * folders.length };
}

/**
 * Files that no run has made, such as the annotations where the folder is a link to them, must not count as results.
 * @throws TrackerError OPTION_INVALID
 */
async function refuseForeign(folder: string, names: readonly string[]): Promise<void> {
  if ((await readRunRecord(folder)) !== undefined) return;
  for (const name of names) {
    if (!(await hasSequenceResult(folder, name))) continue;
    throw new TrackerError('OPTION_INVALID', `${folder}: found ${name}.txt, but no run.json that tells what made it`, {
      hint: 'name another --out; to score these files give the folder as --results',
    });
  }
}

async function checkNames(only: readonly string[], dataset: string, root: string): Promise<void> {
  const listed = await findDataset(dataset).list(root);
  const unknown = only.filter((name) => !listed.includes(name));
  if (unknown.length === 0) return;
  throw new TrackerError('OPTION_INVALID', `--only: ${unknown.join(', ')}: no such sequence in ${dataset} of ${root}`, {
    hint: `it has ${listed.slice(0, 5).join(', ')} ...`,
  });
}

/** Sequences read at a time. */
const READERS = 16;

/** Annotated frames by name; 0 where the sequence cannot be read, which its own job tells. */
async function countFrames(dataset: string, root: string, names: readonly string[]): Promise<Map<string, number>> {
  const { read } = findDataset(dataset);
  const count = async (name: string): Promise<readonly [string, number]> => {
    const sequence = await read(root, name).catch(() => undefined);
    return [name, (sequence?.truth.length ?? 0) / 4];
  };
  return new Map(await mapLimited(names, count, READERS));
}

/** Counts what happens and reports it. */
export interface Tally {
  readonly failed: readonly Failure[];
  /** A sequence has come so far; less than before where it was begun again. */
  advance(task: Task, frames: number): void;
  end(task: Task, outcome: JobOutcome): void;
  /** Writes failed.json and the end of run.json. @throws TrackerError INTERRUPTED where the signal was aborted */
  close(interruption: string): Promise<EvaluationSummary>;
}

// oxlint-disable-next-line max-lines-per-function -- one count, and the three ways in which it changes
export function createTally({ tasks, folders, names, total }: Plan, options: EvaluationOptions): Tally {
  const failed: Failure[] = [];
  const running = new Map<string, number>();
  const providers = new Set<string>();
  const started = performance.now();
  const skipped = total - tasks.length;
  let done = 0;
  let frames = 0;
  let left = tasks.reduce((sum, task) => sum + task.frames, 0);
  const labelOf = ({ sequence, seed }: Task): string =>
    options.seeds.length > 1 ? `${sequence} (seed ${seed})` : sequence;
  const report = (ended?: EvaluationProgress['ended']): void => {
    const framesPerSecond = (1000 * frames) / (performance.now() - started);
    options.onProgress?.({
      done,
      skipped,
      total,
      failed,
      running,
      framesPerSecond,
      secondsLeft: frames > 0 ? left / framesPerSecond : undefined,
      ended,
    });
  };
  const move = (task: Task, count: number): void => {
    const step = count - (running.get(labelOf(task)) ?? 0);
    frames += step;
    left -= step;
    running.set(labelOf(task), count);
  };
  return {
    failed,
    advance(task, count) {
      move(task, count);
      report();
    },
    end(task, outcome) {
      move(task, 'code' in outcome ? 0 : task.frames);
      running.delete(labelOf(task));
      done++;
      if ('code' in outcome) {
        const { code, message, hint } = outcome;
        left -= task.frames;
        failed.push({ sequence: task.sequence, seed: task.seed, code, message, hint });
        report();
      } else {
        if (outcome.provider !== undefined) providers.add(outcome.provider);
        report({ sequence: task.sequence, seed: task.seed, frames: outcome.frames, seconds: outcome.seconds });
      }
    },
    async close(interruption) {
      for (const [index, folder] of folders.entries()) {
        const seed = options.seeds[index];
        const own = failed.filter((failure) => failure.seed === seed);
        await writeWhole(path.join(folder, 'failed.json'), `${JSON.stringify(own, undefined, 1)}\n`);
        if (tasks.some((task) => task.seed === seed)) await closeRecord(folder, names, providers);
      }
      if (options.signal?.aborted) {
        throw new TrackerError('INTERRUPTED', interruption, {
          hint: 'run the same command again: it goes on with the others',
        });
      }
      return { folders, done: tasks.length - failed.length, skipped, failed };
    },
  };
}

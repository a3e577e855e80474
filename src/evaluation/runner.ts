/**
 * Runs a tracker over the sequences of a data set in child processes. A sequence is done where its result file stands: a run that was
 * stopped, by whatever, goes on with what is missing.
 */
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import workerpool from 'workerpool';
import type { TrackerOptions } from '../config.js';
import { messageOf, TrackerError } from '../errors.js';
import { findDataset } from './datasets/index.js';
import { hasSequenceResult, writeWhole } from './results.js';
import { claimFolder, makeRecord } from './run-record.js';
import type { Job, JobOutcome } from './worker.js';

export interface EvaluationOptions {
  readonly dataset: string;
  readonly root: string;
  /** Results go to OUT/TRACKER/DATASET/seed-N. */
  readonly out: string;
  /** Name of the folder. */
  readonly tracker: string;
  /** Module of another tracker, see evaluated-tracker.ts; left out: ours. */
  readonly module?: string;
  readonly config: TrackerOptions;
  readonly seeds: readonly number[];
  /** Only these sequences. */
  readonly only?: readonly string[];
  /** Processes; default: one a core. */
  readonly workers?: number;
  /** Threads of each; default: cores shared out evenly. */
  readonly threads?: number;
  /** The command that made the results, for run.json. */
  readonly command: string;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: EvaluationProgress) => void;
}

export interface EvaluationProgress {
  readonly done: number;
  readonly skipped: number;
  readonly total: number;
  readonly failed: readonly Failure[];
  /** Sequences at work, with the frames they have done. */
  readonly running: ReadonlyMap<string, number>;
  readonly framesPerSecond: number;
  /** Sequence that has just ended. */
  readonly ended?: {
    readonly sequence: string;
    readonly seed: number;
    readonly frames: number;
    readonly seconds: number;
  };
}

export interface Failure {
  readonly sequence: string;
  readonly seed: number;
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

export interface EvaluationSummary {
  /** One a seed. */
  readonly folders: readonly string[];
  readonly done: number;
  readonly skipped: number;
  readonly failed: readonly Failure[];
}

/** A process that dies takes its sequence with it: it is tried so often in all. */
const ATTEMPTS = 3;

interface Task extends Job {
  readonly seed: number;
}

/**
 * @throws TrackerError OPTION_INVALID, DATA_INVALID (no sequence), INTERRUPTED where the signal was aborted; faults of single sequences are
 *   in the summary
 */
export async function runEvaluation(options: EvaluationOptions): Promise<EvaluationSummary> {
  const workers = options.workers ?? availableParallelism();
  const threads = options.threads ?? Math.max(1, Math.floor(availableParallelism() / workers));
  const { tasks, folders, total } = await plan(options, workers, threads);
  const failed = await runTasks(tasks, total, workers, options);
  for (const [index, folder] of folders.entries()) {
    const own = failed.filter(({ seed }) => seed === options.seeds[index]);
    await writeWhole(path.join(folder, 'failed.json'), `${JSON.stringify(own, undefined, 1)}\n`);
  }
  if (options.signal?.aborted) {
    throw new TrackerError('INTERRUPTED', 'evaluation stopped; finished sequences were written', {
      hint: 'run the same command again: it goes on with the others',
    });
  }
  return { folders, done: tasks.length - failed.length, skipped: total - tasks.length, failed };
}

/** What is still to be done, of all seeds. */
async function plan(
  options: EvaluationOptions,
  workers: number,
  threads: number,
): Promise<{ tasks: Task[]; folders: string[]; total: number }> {
  const { dataset, root, out, tracker, module, config, command } = options;
  const listed = await findDataset(dataset).list(root);
  const unknown = options.only?.filter((name) => !listed.includes(name)) ?? [];
  if (unknown.length > 0) {
    throw new TrackerError(
      'OPTION_INVALID',
      `--only: ${unknown.join(', ')}: no such sequence in ${dataset} of ${root}`,
      {
        hint: `it has ${listed.slice(0, 5).join(', ')} ...`,
      },
    );
  }
  const names = options.only ?? listed;
  const more = module === undefined ? {} : { module };
  const tasks: Task[] = [];
  const folders: string[] = [];
  for (const seed of options.seeds) {
    const folder = path.join(out, tracker, dataset, `seed-${seed}`);
    await claimFolder(
      folder,
      await makeRecord({ tracker, dataset, seed, options: config, ...more, threads, workers, command }),
    );
    folders.push(folder);
    for (const sequence of names) {
      if (await hasSequenceResult(folder, sequence)) continue;
      tasks.push({ dataset, root, sequence, seed, options: { ...config, seed, threads }, folder, ...more });
    }
  }
  return { tasks, folders, total: names.length * options.seeds.length };
}

/** All tasks over the pool, in order. @returns those that failed */
async function runTasks(
  tasks: readonly Task[],
  total: number,
  workers: number,
  options: EvaluationOptions,
): Promise<Failure[]> {
  if (tasks.length === 0) return [];
  const pool = openPool(Math.min(workers, tasks.length));
  const stop = (): void => void pool.terminate(true);
  options.signal?.addEventListener('abort', stop, { once: true });
  const failed: Failure[] = [];
  const running = new Map<string, number>();
  const started = performance.now();
  let frames = 0;
  let done = 0;
  const report = (ended?: EvaluationProgress['ended']): void =>
    options.onProgress?.({
      done,
      skipped: total - tasks.length,
      total,
      failed,
      running,
      framesPerSecond: (1000 * frames) / (performance.now() - started),
      ...(ended ? { ended } : {}),
    });
  const runTask = async (task: Task): Promise<void> => {
    const label = options.seeds.length > 1 ? `${task.sequence} (seed ${task.seed})` : task.sequence;
    const outcome = await runJob(pool, task, options.signal, (count) => {
      frames += count - (running.get(label) ?? 0);
      running.set(label, count);
      report();
    });
    running.delete(label);
    if (options.signal?.aborted) return;
    done++;
    if ('code' in outcome) {
      const { sequence, seed } = task;
      failed.push({ sequence, seed, ...outcome });
      report();
    } else {
      report({ sequence: task.sequence, seed: task.seed, ...outcome });
    }
  };
  try {
    await Promise.all(tasks.map(runTask));
  } finally {
    options.signal?.removeEventListener('abort', stop);
    await pool.terminate(true);
  }
  return failed;
}

type Pool = ReturnType<typeof workerpool.pool>;

/** One job, tried again where its process died. */
async function runJob(
  pool: Pool,
  job: Job,
  signal: AbortSignal | undefined,
  onFrame: (done: number) => void,
): Promise<JobOutcome> {
  let message = '';
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    if (signal?.aborted) break;
    try {
      const on = ({ done }: { done: number }): void => onFrame(done);
      return (await pool.exec('run', [job], { on })) as JobOutcome;
    } catch (error) {
      message = messageOf(error);
    }
  }
  return {
    code: 'WORKER_DIED',
    message: `its process died ${ATTEMPTS} times (${message})`,
    hint: 'out of memory? Fewer --workers; run that sequence alone to see more',
  };
}

/** Child processes, since the networks hold native state and a process that is killed takes nothing else along. */
function openPool(workers: number): Pool {
  const extension = path.extname(fileURLToPath(import.meta.url));
  const script = fileURLToPath(new URL(`./worker${extension}`, import.meta.url));
  // from sources, as in tests and benchmarks, the child needs the same loader
  const execArgv = extension === '.ts' ? ['--import', 'tsx'] : [];
  return workerpool.pool(script, {
    workerType: 'process',
    minWorkers: workers,
    maxWorkers: workers,
    forkOpts: { execArgv },
  });
}

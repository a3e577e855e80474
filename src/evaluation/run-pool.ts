/** Child processes that run jobs: the networks hold native state, and a process that is killed takes nothing else along. */
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import workerpool from 'workerpool';
import { messageOf } from '../errors.js';
import type { Job, JobOutcome } from './worker.js';

export type Pool = ReturnType<typeof workerpool.pool>;

/** A process that dies takes its sequence with it: it is tried so often in all. */
export const ATTEMPTS = 3;

/** Code of a sequence whose process died in every attempt. */
export const WORKER_DIED = 'WORKER_DIED';

const OWN_EXTENSION = path.extname(fileURLToPath(import.meta.url));

/** Workers and threads as asked for; by default one worker a core, and threads shared out evenly. */
export function shareCores(asked: { readonly workers?: number | undefined; readonly threads?: number | undefined }): {
  workers: number;
  threads: number;
} {
  const cores = availableParallelism();
  const workers = asked.workers ?? cores;
  return { workers, threads: asked.threads ?? Math.max(1, Math.floor(cores / workers)) };
}

/** @param script what its processes run: a module that calls serveJobs() (worker.ts) */
export function openPool(workers: number, script = new URL(`./worker${OWN_EXTENSION}`, import.meta.url)): Pool {
  const file = fileURLToPath(script);
  return workerpool.pool(file, {
    workerType: 'process',
    minWorkers: workers,
    maxWorkers: workers,
    forkOpts: {
      // from sources, as in tests and benchmarks, the child needs the same loader
      execArgv: path.extname(file) === '.ts' ? ['--import', 'tsx'] : [],
      // NaN, undefined and typed arrays arrive as they are
      serialization: 'advanced',
    },
  });
}

/** Longer than workerpool leaves its processes to end by themselves, which is a second. */
const CLOSE_WITHIN = 5000;

/**
 * Ends all processes, and what they are doing. A process that was killed while it had nothing to do is waited for without end by workerpool,
 * since its exit has been: hence the limit.
 */
export async function closePool(pool: Pool): Promise<void> {
  await Promise.resolve(pool.terminate(true, CLOSE_WITHIN)).catch(() => undefined);
}

export interface JobWatch {
  /** Processes that may die of it. */
  readonly attempts: number;
  readonly signal?: AbortSignal | undefined;
  readonly onFrame: (done: number) => void;
}

/** One job, tried again where its process died. Never throws: whatever happens is an outcome. */
export async function runJob(pool: Pool, job: Job, { attempts, signal, onFrame }: JobWatch): Promise<JobOutcome> {
  let message = '';
  for (let attempt = 1; attempt <= attempts; attempt++) {
    if (signal?.aborted) break;
    try {
      const on = ({ done }: { done: number }): void => onFrame(done);
      return (await pool.exec('run', [job], { on })) as JobOutcome;
    } catch (error) {
      message = messageOf(error);
    }
  }
  return {
    code: WORKER_DIED,
    message: `its process died ${attempts === 1 ? 'once' : `${attempts} times`} (${message})`,
    hint: 'out of memory? Fewer --workers; run that sequence alone to see more',
  };
}

/**
 * All jobs over a pool of their own, in their order, each once.
 * @param script module that calls serveJobs() @param onDone told each outcome, as it comes
 * @throws what the first job that fails throws, or an Error where its process dies; the others are ended
 */
export async function runJobs<OneJob, Outcome>(
  script: URL,
  jobs: readonly OneJob[],
  workers: number,
  onDone: (outcome: Outcome) => void,
): Promise<void> {
  if (jobs.length === 0) return;
  const pool = openPool(Math.min(workers, jobs.length), script);
  try {
    await Promise.all(jobs.map(async (job) => onDone((await pool.exec('run', [job])) as Outcome)));
  } finally {
    await closePool(pool);
  }
}

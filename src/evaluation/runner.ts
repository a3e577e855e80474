/**
 * Runs a tracker over the sequences of a data set in child processes. A sequence is done where its result file stands: a run that was
 * stopped, by whatever, goes on with what is missing.
 */
import {
  createTally,
  planRun,
  type EvaluationOptions,
  type EvaluationSummary,
  type Plan,
  type Tally,
  type Task,
} from './run-plan.js';
import { ATTEMPTS, closePool, openPool, runJob, shareCores } from './run-pool.js';

export type { EvaluationOptions, EvaluationProgress, EvaluationSummary, Failure } from './run-plan.js';

/**
 * @throws TrackerError OPTION_INVALID, DATA_INVALID (no sequence), INTERRUPTED where the signal was aborted; faults of single sequences are
 *   in the summary
 */
export async function runEvaluation(options: EvaluationOptions): Promise<EvaluationSummary> {
  const cores = shareCores(options);
  const plan = await planRun(options, cores);
  const tally = createTally(plan, options);
  await runTasks(plan, cores.workers, tally, options);
  return tally.close('evaluation stopped; finished sequences were written');
}

/** All tasks over the pool, in order. */
async function runTasks(
  { tasks }: Plan,
  workers: number,
  tally: Tally,
  { script, signal }: Pick<EvaluationOptions, 'script' | 'signal'>,
): Promise<void> {
  if (tasks.length === 0) return;
  const pool = openPool(Math.min(workers, tasks.length), script);
  const stop = (): void => void closePool(pool);
  signal?.addEventListener('abort', stop, { once: true });
  const runTask = async (task: Task): Promise<void> => {
    const onFrame = (frames: number): void => tally.advance(task, frames);
    const outcome = await runJob(pool, task, { attempts: ATTEMPTS, signal, onFrame });
    if (!signal?.aborted) tally.end(task, outcome);
  };
  try {
    await Promise.all(tasks.map(runTask));
  } finally {
    signal?.removeEventListener('abort', stop);
    await closePool(pool);
  }
}

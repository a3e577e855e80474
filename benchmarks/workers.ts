/** Jobs over child processes: the script forks itself with `--worker`, and each child takes a job when it has done the last. */
import { fork } from 'node:child_process';

/** Is this process one of those that runJobs() started? */
export function isWorker(): boolean {
  return process.argv[2] === '--worker';
}

/** In a worker: does each job that comes. An error ends the worker, and with it the run. */
export function serveJobs<Job, Result>(work: (job: Job) => Promise<Result>): void {
  process.on('message', (job: Job) => {
    void work(job).then(
      (result) => process.send!(result),
      (error: unknown) => {
        console.error(error);
        process.exit(1);
      },
    );
  });
}

/**
 * In the main process: all jobs, in their order.
 * @param onDone with each result, as it comes, and how many jobs are left
 * @throws Error where a worker ended with an error
 */
export async function runJobs<Job extends object, Result>(
  jobs: readonly Job[],
  workers: number,
  onDone: (result: Result, left: number) => void,
): Promise<void> {
  const queue = [...jobs];
  let left = queue.length;
  const runWorker = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const child = fork(process.argv[1]!, ['--worker'], { serialization: 'advanced' });
      const next = (): void => {
        const job = queue.shift();
        if (job) child.send(job);
        else child.disconnect();
      };
      child.on('message', (result: Result) => {
        onDone(result, --left);
        next();
      });
      child.on('exit', (code) => (code === 0 ? resolve() : reject(new Error(`a worker ended with ${code}`))));
      next();
    });
  await Promise.all(Array.from({ length: Math.min(workers, queue.length) }, runWorker));
}

/* oxlint-disable max-lines -- both ends of one protocol, whose messages and locks belong together */
/**
 * The same run over many machines: sequences are jobs of a queue in Redis (BullMQ). The enqueuing process plans, adds and collects; workers
 * read the data set at a root of their own, run the tracker, and give the result back as the job's return value. No folder is shared.
 *
 *   waiting -> active on a worker -> completed, its result collected and the job removed
 *
 * A worker that is killed stops renewing the job's lock: another takes the sequence over. Job ids follow from the run, so that an
 * enqueuer that was stopped, or a second one of the same run, finds the jobs that are there.
 */
import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Job as QueueJob, JobType, Queue, RedisOptions, Worker, WorkerOptions } from 'bullmq';
import { z } from 'zod';
import type { TrackerOptions } from '../config.js';
import { messageOf, TrackerError, type ErrorCode } from '../errors.js';
import { findDataset } from '../datasets/index.js';
import { writeSequenceResult } from './results.js';
import {
  createTally,
  planRun,
  type EvaluationOptions,
  type EvaluationSummary,
  type Tally,
  type Task,
} from './run-plan.js';
import { ATTEMPTS, closePool, openPool, runJob, shareCores, WORKER_DIED, type Pool } from './run-pool.js';
import { hashTracker, processorName, type TrackerHashes } from './run-record.js';
import type { SequenceResult } from './types.js';
import type { JobOutcome } from './worker.js';

export interface QueueOptions {
  /** Name of the queue, if several share a server; no colon. Default: evaluation. */
  readonly queue?: string;
}

export interface EnqueueOptions
  extends Omit<EvaluationOptions, 'workers' | 'threads' | 'script' | 'extra'>, QueueOptions {
  /** Milliseconds between two looks at the queue. */
  readonly interval?: number;
}

export interface QueueWorkerOptions extends QueueOptions {
  /** Folder of the data set on this machine. */
  readonly root: string;
  /** This machine's copy of another tracker's module, where the queue is of one. */
  readonly module?: string | undefined;
  /** Processes; default: one a core. */
  readonly workers?: number | undefined;
  /** Threads of each; default: cores shared out evenly. */
  readonly threads?: number | undefined;
  /** Lock timeout in milliseconds; then another worker takes the sequence over. Locks are renewed at half of it. */
  readonly lockDuration?: number;
  /** Milliseconds between two searches for such sequences. */
  readonly stalledInterval?: number;
  /** Ends the worker: what it has begun goes back into the queue. */
  readonly signal?: AbortSignal | undefined;
  readonly onEvent?: (event: QueueWorkerEvent) => void;
}

export type QueueWorkerEvent =
  | { readonly kind: 'begun' | 'returned'; readonly sequence: string; readonly seed: number }
  | { readonly kind: 'done'; readonly sequence: string; readonly seed: number; readonly frames: number }
  | { readonly kind: 'failed'; readonly sequence: string; readonly seed: number; readonly message: string }
  | { readonly kind: 'warning'; readonly message: string };

type Library = typeof import('bullmq');

const PREFIX = 'ebm-tracker';
const QUEUE = 'evaluation';
const INTERVAL = 1000;
const LOCK_DURATION = 30_000;

/** Milliseconds between two reports of a sequence's frames. */
const REPORT = 1000;

/** Milliseconds that a worker which ends waits for its jobs to go back, before it leaves them to the stalled search. */
const PATIENCE = 5000;

/** Not the sequence's faults but the machine's: another one can do it. */
const MACHINE_FAULTS: readonly string[] = [
  'FFMPEG_MISSING',
  'FFMPEG_OLD',
  'MODEL_MISSING',
  'MODEL_INVALID',
  'RUNTIME_UNAVAILABLE',
  'TENSORFLOW_UNAVAILABLE',
] satisfies ErrorCode[];

const PENDING: JobType[] = ['waiting', 'active', 'prioritized', 'delayed'];
const FINISHED: JobType[] = ['completed', 'failed'];

const hash = z.string();
const jobSchema = z.object({
  dataset: z.string(),
  sequence: z.string(),
  seed: z.number(),
  config: z.record(z.string(), z.unknown()),
  hashes: z.object({
    version: hash,
    config: hash,
    head: hash.optional(),
    backbone: hash.optional(),
    module: hash.optional(),
  }),
});
type JobData = z.output<typeof jobSchema>;

const numbers = z.array(z.number().nullable());
const resultSchema = z.object({ boxes: numbers, confidence: numbers.optional(), seconds: numbers.optional() });
const outcomeSchema = z.union([
  z.object({ code: z.string(), message: z.string(), hint: z.string() }),
  z.object({
    frames: z.number(),
    seconds: z.number(),
    provider: z.string(),
    result: resultSchema,
  }),
]);

/**
 * Runs an evaluation on the workers of a queue: adds what has no result yet, waits, and writes each result as it comes.
 * @param redisUrl redis://[user:password@]host:port[/db], or rediss:// with TLS
 * @throws TrackerError RUNTIME_UNAVAILABLE (no bullmq), OPTION_INVALID (no Redis there, unknown sequence, folder or queue of another run),
 *   DATA_INVALID (no sequence), INTERRUPTED where the signal was aborted: the jobs stay, workers go on
 */
export async function enqueueEvaluation(redisUrl: string, options: EnqueueOptions): Promise<EvaluationSummary> {
  const plan = await planRun(options, { device: 'queue' });
  const tally = createTally(plan, options);
  if (plan.tasks.length > 0) {
    const hashes = await hashTracker(options.config, options.module);
    const queue = await openQueue(redisUrl, options.queue ?? QUEUE);
    try {
      await checkQueue(queue, hashes);
      await collect(queue, plan.tasks, options, hashes, tally);
    } finally {
      await queue.disconnect(); // close() would wait for a server that is gone
    }
  }
  return tally.close('evaluation stopped; what was finished is written, its other sequences stay in the queue');
}

/**
 * Runs sequences of a queue until the signal is aborted.
 * @returns sequences done
 * @throws TrackerError RUNTIME_UNAVAILABLE (no bullmq), OPTION_INVALID (no Redis there; the queue is of another configuration, other
 *   weights or another version, naming both; the root has none of its sequences), and the code of what this machine lacks. What was
 *   begun goes back into the queue.
 */
export async function runQueueWorker(redisUrl: string, options: QueueWorkerOptions): Promise<number> {
  const name = options.queue ?? QUEUE;
  await openQueue(redisUrl, name).then((queue) => queue.disconnect()); // tells at once what is wrong with the server
  const library = await importLibrary();
  const { workers, threads } = shareCores(options);
  const pool = openPool(workers);
  const stopped = new AbortController();
  const server: Server = { library, pool, threads, options, stopped, check: createCheck(options) };
  let done = 0;
  const worker = new library.Worker(
    name,
    async (job: QueueJob) => {
      const outcome = await serveJob(job, server);
      if (!('code' in outcome)) done++;
      return outcome;
    },
    workerOptions(redisUrl, workers, options),
  );
  worker.on('error', (error) => options.onEvent?.({ kind: 'warning', message: messageOf(error) }));
  const onAbort = (): void => stopped.abort();
  options.signal?.addEventListener('abort', onAbort, { once: true });
  if (options.signal?.aborted) stopped.abort();
  try {
    await aborted(stopped.signal);
  } finally {
    options.signal?.removeEventListener('abort', onAbort);
    await closeWorker(worker, pool);
  }
  if (stopped.signal.reason instanceof Error && !options.signal?.aborted) throw stopped.signal.reason;
  return done;
}

async function importLibrary(): Promise<Library> {
  try {
    return await import('bullmq');
  } catch (cause) {
    throw new TrackerError('RUNTIME_UNAVAILABLE', `bullmq does not load: ${messageOf(cause)}`, {
      hint: 'npm install bullmq ioredis',
      cause,
    });
  }
}

/** @param patient whether a lost connection is tried again, for ever: a server that starts anew then loses nobody */
function connectionOptions(redisUrl: string, patient: () => boolean): RedisOptions {
  return {
    url: redisUrl,
    maxRetriesPerRequest: null,
    retryStrategy: (times: number) => (patient() ? Math.min(250 * times, 5000) : null),
  };
}

/** @throws TrackerError RUNTIME_UNAVAILABLE, OPTION_INVALID where no Redis answers */
async function openQueue(redisUrl: string, name: string): Promise<Queue> {
  const library = await importLibrary();
  const where = checkUrl(redisUrl);
  if (name === '' || name.includes(':')) {
    throw new TrackerError('OPTION_INVALID', `queue "${name}": expected a name without a colon`, {
      hint: `for example ${QUEUE}`,
    });
  }
  let reached = false;
  let fault: unknown;
  const queue = new library.Queue(name, {
    prefix: PREFIX,
    connection: connectionOptions(redisUrl, () => reached),
  });
  queue.on('error', (error) => (fault = error));
  try {
    await queue.waitUntilReady();
    reached = true;
    return queue;
  } catch (error) {
    await queue.disconnect().catch(() => undefined);
    const cause = fault ?? error;
    if (/could not load the optional 'ioredis'/.test(messageOf(cause))) {
      throw new TrackerError('RUNTIME_UNAVAILABLE', 'ioredis does not load', {
        hint: 'npm install bullmq ioredis',
        cause,
      });
    }
    throw new TrackerError('OPTION_INVALID', `queue ${where}: ${messageOf(cause) || 'no answer'}`, {
      hint: 'is redis-server (6.2 or later) running there? The address is redis://[user:password@]host:port[/db]',
      cause,
    });
  }
}

/** @returns the address without its password */
function checkUrl(redisUrl: string): string {
  const url = URL.canParse(redisUrl) ? new URL(redisUrl) : undefined;
  if (url === undefined || !/^rediss?:$/.test(url.protocol)) {
    throw new TrackerError('OPTION_INVALID', 'queue: found another address, expected redis://host:port', {
      hint: 'for example --queue redis://localhost:6379',
    });
  }
  return `${url.protocol}//${url.host}${url.pathname}`;
}

// ---------------------------------------------------------------------------------------------------------------------------- enqueuer

/** @throws TrackerError OPTION_INVALID where unfinished jobs of another tracker are in it: its workers would refuse ours */
async function checkQueue(queue: Queue, hashes: TrackerHashes): Promise<void> {
  const [first] = await queue.getJobs(PENDING, 0, 0);
  const parsed = jobSchema.safeParse(first?.data);
  if (!first || (parsed.success && differences(parsed.data.hashes, hashes).length === 0)) return;
  const what = parsed.success ? differences(parsed.data.hashes, hashes).join('; ') : 'jobs of another program';
  throw new TrackerError('OPTION_INVALID', `queue ${queue.name}: it holds another run: ${what}`, {
    hint: 'wait until it is done, or name another queue',
  });
}

/** Adds the tasks and collects their results until all have ended or the signal is aborted. */
async function collect(
  queue: Queue,
  tasks: readonly Task[],
  options: EnqueueOptions,
  hashes: TrackerHashes,
  tally: Tally,
): Promise<void> {
  const pending = new Map(tasks.map((task) => [jobId(task, hashes), task]));
  const { signal, interval = INTERVAL } = options;
  if (signal?.aborted) return;
  // a command waits for a server that is gone: it is ended where the run is to end
  const leave = (): void => void queue.disconnect();
  signal?.addEventListener('abort', leave, { once: true });
  try {
    await forgetFailures(queue, pending);
    while (pending.size > 0) {
      await look(queue, pending, options.config, hashes, tally);
      if (pending.size > 0) await delay(interval, undefined, { signal });
    }
  } catch (error) {
    if (!signal?.aborted) throw error;
  } finally {
    signal?.removeEventListener('abort', leave);
  }
}

/** Once around: adds what is not there, tells how far the others are, and takes what has ended. */
async function look(
  queue: Queue,
  pending: Map<string, Task>,
  config: TrackerOptions,
  hashes: TrackerHashes,
  tally: Tally,
): Promise<void> {
  const present = new Set(await queue.getRanges([...PENDING, ...FINISHED]));
  // new ones, and those of a server that forgot or of another enqueuer that was faster; an id that is there is not added twice
  const missing = [...pending].filter(([id]) => !present.has(id));
  if (missing.length > 0) await queue.addBulk(missing.map(([id, task]) => describeJob(id, task, config, hashes)));
  for (const job of await queue.getJobs(['active'])) {
    const task = pending.get(job.id ?? '');
    if (task && typeof job.progress === 'number') tally.advance(task, job.progress);
  }
  for (const id of await queue.getRanges(FINISHED)) {
    const task = pending.get(id);
    const job = task && (await queue.getJob(id));
    if (!task || !job) continue;
    tally.end(task, await settle(task, job));
    pending.delete(id);
  }
}

/** Failures of an earlier session are tried again, as the runner does: their jobs go. Results stay, to be collected. */
async function forgetFailures(queue: Queue, pending: ReadonlyMap<string, Task>): Promise<void> {
  for (const id of await queue.getRanges(FINISHED)) {
    const job = pending.has(id) ? await queue.getJob(id) : undefined;
    const outcome = outcomeSchema.safeParse(job?.returnvalue);
    if (!outcome.success || 'code' in outcome.data) await job?.remove();
  }
}

/** Writes the result of a job that has ended, and removes the job: the file says that it is done. */
async function settle(task: Task, job: QueueJob): Promise<JobOutcome> {
  if (job.failedReason) {
    const hint = 'a sequence that ends every process that takes it: run it alone to see more';
    return { code: WORKER_DIED, message: job.failedReason, hint }; // the job stays in the list of failed ones
  }
  const parsed = outcomeSchema.safeParse(job.returnvalue);
  if (!parsed.success) return mismatch(task, 'a worker gave back no result');
  const outcome = parsed.data;
  if ('code' in outcome) return outcome;
  const result = unpack(outcome.result);
  const rows = result.boxes.length / 4;
  if (task.frames > 0 && rows !== task.frames)
    return mismatch(task, `a worker gave back ${rows} frames, expected ${task.frames}`);
  await writeSequenceResult(task.folder, task.sequence, result);
  await job.remove();
  return { frames: outcome.frames, seconds: outcome.seconds, provider: outcome.provider };
}

function mismatch({ dataset, sequence }: Task, what: string): JobOutcome {
  return {
    code: 'DATA_INVALID',
    message: `sequence ${sequence}: ${what}`,
    hint: `the folders of ${dataset} must be the same on all machines`,
  };
}

function unpack({ boxes, confidence, seconds }: z.output<typeof resultSchema>): SequenceResult {
  const toArray = (values: readonly (number | null)[]): Float64Array =>
    Float64Array.from(values, (value) => value ?? Number.NaN);
  return {
    boxes: toArray(boxes),
    confidence: confidence && toArray(confidence),
    seconds: seconds && toArray(seconds),
  };
}

interface DescribedJob {
  name: string;
  data: JobData;
  opts: { jobId: string; attempts: number; stackTraceLimit: number };
}

function describeJob(
  id: string,
  { dataset, sequence, seed }: Task,
  config: TrackerOptions,
  hashes: TrackerHashes,
): DescribedJob {
  const data = { dataset, sequence, seed, config, hashes };
  return { name: sequence, data, opts: { jobId: id, attempts: ATTEMPTS, stackTraceLimit: 1 } };
}

/** The same for the same sequence of the same run, whoever asks. */
function jobId({ dataset, sequence, seed }: Task, hashes: TrackerHashes): string {
  const digest = createHash('sha256')
    .update(JSON.stringify([dataset, sequence, seed, hashes]))
    .digest('hex');
  return `${dataset}-${sequence}-seed-${seed}-${digest.slice(0, 16)}`.replaceAll(':', '_');
}

// ------------------------------------------------------------------------------------------------------------------------------ worker

interface Server {
  readonly library: Library;
  readonly pool: Pool;
  readonly threads: number;
  readonly options: QueueWorkerOptions;
  /** Aborted when the worker is to end; its reason is a TrackerError where it must not go on. */
  readonly stopped: AbortController;
  /** @throws TrackerError where this machine cannot do the job as the queue means it */
  readonly check: (job: JobData) => Promise<void>;
}

function workerOptions(redisUrl: string, concurrency: number, options: QueueWorkerOptions): WorkerOptions {
  const { lockDuration = LOCK_DURATION, stalledInterval = lockDuration } = options;
  return {
    prefix: PREFIX,
    connection: connectionOptions(redisUrl, () => true),
    concurrency,
    lockDuration,
    stalledInterval,
    maxStalledCount: ATTEMPTS - 1,
  };
}

/** One sequence in a process of the pool. Throws where it is to be tried again, here or elsewhere. */
async function serveJob(job: QueueJob, server: Server): Promise<JobOutcome> {
  const { options, stopped, threads, pool } = server;
  const data = jobSchema.parse(job.data);
  const { dataset, sequence, seed } = data;
  await server.check(data).catch((error: unknown) => stopped.abort(error));
  if (stopped.signal.aborted) return giveBack(job, data, server);
  options.onEvent?.({ kind: 'begun', sequence, seed });
  const { root, module } = options;
  const outcome = await runJob(
    pool,
    { dataset, root, sequence, module, options: { ...data.config, seed, threads } },
    { attempts: 1, signal: stopped.signal, onFrame: reportFrames(job) },
  );
  if (!('code' in outcome)) {
    options.onEvent?.({ kind: 'done', sequence, seed, frames: outcome.frames });
    return { ...outcome, provider: `${outcome.provider ?? 'tracker'} on ${processorName()}` };
  }
  const { code, message, hint } = outcome;
  if (MACHINE_FAULTS.includes(code)) stopped.abort(new TrackerError(code as ErrorCode, message, { hint }));
  if (stopped.signal.aborted) return giveBack(job, data, server);
  options.onEvent?.({ kind: 'failed', sequence, seed, message: `${code}: ${message}` });
  if (code === WORKER_DIED) throw new Error(message);
  return outcome;
}

/** Puts the job back to the front of the queue: no attempt is counted. */
async function giveBack(job: QueueJob, { sequence, seed }: JobData, { library, options }: Server): Promise<never> {
  await job.moveToWait(job.token);
  options.onEvent?.({ kind: 'returned', sequence, seed });
  throw new library.WaitingError();
}

/** Tells the queue, now and then, how far the sequence is. */
function reportFrames(job: QueueJob): (done: number) => void {
  let told = -Infinity;
  return (done) => {
    const now = performance.now();
    if (now - told < REPORT) return;
    told = now;
    job.updateProgress(done).catch(() => undefined); // a report that is lost does no harm
  };
}

/** Compares a job with what this machine would compute and has: hashed once a configuration, listed once a data set. */
function createCheck({ root, module, queue = QUEUE }: QueueWorkerOptions): Server['check'] {
  const hashed = new Map<string, Promise<TrackerHashes>>();
  const listed = new Map<string, Promise<ReadonlySet<string>>>();
  const once = <T>(known: Map<string, Promise<T>>, key: string, make: () => Promise<T>): Promise<T> => {
    const value = known.get(key) ?? make();
    known.set(key, value);
    return value;
  };
  return async ({ config, hashes, dataset, sequence }) => {
    const own = await once(hashed, JSON.stringify(config), () => hashTracker(config, module));
    const faults = differences(hashes, own);
    if (faults.length > 0) {
      throw new TrackerError('OPTION_INVALID', `queue ${queue}: not of this tracker: ${faults.join('; ')}`, {
        hint: 'give this machine the same version, models and --tracker as the one that filled the queue, or name another queue',
      });
    }
    const names = await once(listed, dataset, async () => new Set(await findDataset(dataset).list(root)));
    if (names.has(sequence)) return;
    throw new TrackerError('OPTION_INVALID', `--root ${root}: it has no sequence ${sequence} of ${dataset}`, {
      hint: 'give this machine the whole data set, or name another --root',
    });
  };
}

/** Differences between the two, one text each, both values named. */
function differences(queue: JobData['hashes'], own: TrackerHashes): string[] {
  const keys = ['version', 'config', 'head', 'backbone', 'module'] as const;
  const short = (value: string | undefined): string => value?.slice(0, 12) ?? 'none';
  return keys
    .filter((key) => queue[key] !== own[key])
    .map((key) => `${key}: the queue has ${short(queue[key])}, here it is ${short(own[key])}`);
}

/** Jobs at work go back first, as their processes end; a server that is gone is not waited for. */
async function closeWorker(worker: Worker, pool: Pool): Promise<void> {
  const closing = worker.close();
  closing.catch(() => undefined); // told below: it may fail before it is awaited
  await closePool(pool);
  await withPatience(closing);
  await withPatience(worker.disconnect());
}

async function withPatience(closing: Promise<unknown>): Promise<void> {
  const patience = new AbortController();
  await Promise.race([closing, delay(PATIENCE, undefined, { signal: patience.signal }).catch(() => undefined)]);
  patience.abort();
}

/** Settles when the signal is aborted; never without one. */
function aborted(signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) resolve();
    else signal?.addEventListener('abort', () => resolve(), { once: true });
  });
}

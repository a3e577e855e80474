import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, copyFile, mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Queue } from 'bullmq';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import {
  enqueueEvaluation,
  runQueueWorker,
  type EnqueueOptions,
  type QueueWorkerEvent,
  type QueueWorkerOptions,
} from '../../src/evaluation/queue.js';
import { runEvaluation } from '../../src/evaluation/runner.js';
import { freePort, hasRedis, startRedis, type TestRedis, SMALL_WORKER } from '../helpers/redis.js';
import { makeSequence } from '../helpers/sequences.js';

const FRAMES = 10;
const NAMES = ['a', 'b', 'c', 'd', 'e', 'f'];
const module = path.resolve('test/fixtures/still-tracker.mjs');
let folder: string;
let root: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'queue-'));
  root = path.join(folder, 'data');
  for (const [i, name] of NAMES.entries()) await makeSequence(root, name, FRAMES, [40 * i, 10, 60]);
});
afterAll(() => rm(folder, { recursive: true }));

const options = (out: string, more: Partial<EnqueueOptions> = {}): EnqueueOptions => ({
  dataset: 'folder',
  root,
  out: path.join(folder, out),
  tracker: 'still',
  module,
  config: {},
  seeds: [3],
  command: 'test',
  interval: 50,
  ...more,
});

/** Boxes and confidences below a folder, by path. */
async function filesOf(at: string): Promise<Record<string, string>> {
  const names = await readdir(at, { recursive: true });
  const kept = names.filter((name) => name.endsWith('.txt') && !name.startsWith('times')).toSorted();
  return Object.fromEntries(
    await Promise.all(kept.map(async (name) => [name, await readFile(path.join(at, name), 'utf8')] as const)),
  );
}

/** What the runner writes: made once. */
let expected: Record<string, string>;
beforeAll(async () => {
  const { interval: _, ...local } = options('local');
  const { folders } = await runEvaluation({ ...local, workers: 1 });
  expected = await filesOf(folders[0]!);
  expect(Object.keys(expected)).toHaveLength(2 * NAMES.length);
});

test.each(['http://localhost:6379', 'localhost:6379', ''])('%j is no address of a queue', async (url) => {
  await expect(enqueueEvaluation(url, options('address'))).rejects.toMatchObject({
    code: 'OPTION_INVALID',
    hint: expect.stringContaining('redis://') as string,
  });
});

test('a server that does not answer is told, without its password', async () => {
  const port = await freePort();
  const run = enqueueEvaluation(`redis://user:secret@127.0.0.1:${port}`, options('silent'));
  await expect(run).rejects.toMatchObject({
    code: 'OPTION_INVALID',
    message: expect.stringMatching(
      new RegExp(`^queue redis://127.0.0.1:${port}: (?!.*secret).*ECONNREFUSED`),
    ) as string,
  });
});

const title = hasRedis() ? 'over a queue' : 'over a queue: SKIPPED, since redis-server is not on the PATH';
describe.skipIf(!hasRedis())(title, () => {
  let redis: TestRedis;
  beforeEach(async () => {
    redis = await startRedis();
  });
  // what is open is closed before its server ends
  const open: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    await Promise.all(open.splice(0).map((close) => close()));
    await redis.stop();
  });

  interface RunningWorker {
    readonly events: QueueWorkerEvent[];
    readonly ended: Promise<number>;
    /** @returns sequences done */
    end(): Promise<number>;
  }

  function work(more: Partial<QueueWorkerOptions> = {}): RunningWorker {
    const controller = new AbortController();
    const events: QueueWorkerEvent[] = [];
    const ended = runQueueWorker(redis.url, {
      root,
      module,
      ...SMALL_WORKER,
      signal: controller.signal,
      onEvent: (event) => events.push(event),
      ...more,
    });
    ended.catch(() => undefined); // looked at by the test
    const end = (): Promise<number> => {
      controller.abort();
      return ended;
    };
    open.push(() => end().catch(() => undefined));
    return { events, ended, end };
  }

  const begun = (...workers: RunningWorker[]): string[] =>
    workers
      .flatMap(({ events }) => events)
      .flatMap((event) => (event.kind === 'begun' ? [event.sequence] : []))
      .toSorted();

  function openQueue(): Queue {
    const queue = new Queue('evaluation', { prefix: 'ebm-tracker', connection: { url: redis.url } });
    queue.on('error', () => undefined);
    open.push(() => queue.disconnect());
    return queue;
  }

  test('two workers write what the runner writes, each sequence once, and the queue is empty after it', async () => {
    const workers = [work(), work()];
    const seen = new Set<string>();
    const summary = await enqueueEvaluation(
      redis.url,
      options('two', { onProgress: ({ ended }) => ended && seen.add(ended.sequence) }),
    );
    expect(summary).toMatchObject({ done: 6, skipped: 0, failed: [] });
    expect(await filesOf(summary.folders[0]!)).toEqual(expected);
    expect([...seen].toSorted()).toEqual(NAMES);
    expect(begun(...workers)).toEqual(NAMES);
    expect(await openQueue().getJobCounts('waiting', 'active', 'completed', 'failed')).toEqual({
      waiting: 0,
      active: 0,
      completed: 0,
      failed: 0,
    });
    const record = JSON.parse(await readFile(path.join(summary.folders[0]!, 'run.json'), 'utf8')) as unknown;
    expect(record).toMatchObject({
      device: expect.stringMatching(/^queue; tracker on ./) as string,
      sequences: 6,
      frames: 6 * FRAMES,
    });
    expect(await enqueueEvaluation(redis.url, options('two'))).toMatchObject({ done: 0, skipped: 6 });
    const counts = await Promise.all(workers.map(({ end }) => end()));
    expect(counts[0]! + counts[1]!).toBe(6);
  });

  test('workers that are killed in mid-sequence lose nothing but their time', async () => {
    const processes = new Set<ChildProcess>();
    onTestFinished(() => processes.forEach((child) => child.kill('SIGKILL')));
    let killed = 0;
    const start = (): void => {
      const child = spawn(
        process.execPath,
        ['--import', 'tsx', 'test/fixtures/queue-worker.ts', redis.url, root, module],
        { env: { ...process.env, EBM_TEST_SLOW: '60' }, stdio: ['ignore', 'pipe', 'inherit'] },
      );
      processes.add(child);
      child.stdout.on('data', (data: Buffer) => {
        if (killed === 2 || !data.toString().includes('begun')) return;
        killed++;
        setTimeout(() => child.kill('SIGKILL'), 200); // of the 540 ms that the sequence takes
        void once(child, 'exit').then(start);
      });
    };
    start();
    start();
    const summary = await enqueueEvaluation(redis.url, options('killed'));
    expect(killed).toBe(2);
    expect(summary).toMatchObject({ done: 6, failed: [] });
    expect(await filesOf(summary.folders[0]!)).toEqual(expected);
  });

  test('what fails is listed, what kills its process is tried thrice, the others are done', async () => {
    const bad = path.join(folder, 'bad');
    await makeSequence(bad, 'a', FRAMES, [0, 10, 60]);
    await makeSequence(bad, 'green', FRAMES, [0, 255, 0]);
    await makeSequence(bad, 'poison', FRAMES, [255, 0, 255]);
    const worker = work({ root: bad });
    const summary = await enqueueEvaluation(redis.url, options('bad-out', { root: bad }));
    expect(summary.done).toBe(1);
    expect(summary.failed.map(({ sequence, code }) => [sequence, code]).toSorted()).toEqual([
      ['green', 'UNEXPECTED'],
      ['poison', 'WORKER_DIED'],
    ]);
    expect(begun(worker)).toEqual(['a', 'green', 'poison', 'poison', 'poison']);
    const [failed] = await openQueue().getFailed();
    expect(failed!.data).toMatchObject({ sequence: 'poison' });
    const listed = JSON.parse(await readFile(path.join(summary.folders[0]!, 'failed.json'), 'utf8')) as unknown[];
    expect(listed).toHaveLength(2);
    // a second run of the command tries them anew
    expect(await enqueueEvaluation(redis.url, options('bad-out', { root: bad }))).toMatchObject({
      done: 0,
      skipped: 1,
    });
    expect(begun(worker)).toHaveLength(9);
  });

  test('an enqueuer that was stopped goes on; what workers did meanwhile is collected, nothing is done twice', async () => {
    const controller = new AbortController();
    const first = work();
    const run = enqueueEvaluation(
      redis.url,
      options('stopped', {
        signal: controller.signal,
        onProgress: ({ done }) => {
          if (done === 1) controller.abort();
        },
      }),
    );
    await expect(run).rejects.toMatchObject({ code: 'INTERRUPTED' });
    const queue = openQueue();
    const left = async (): Promise<number> => queue.getJobCountByTypes('waiting', 'active');
    await expect.poll(left).toBe(0);
    const { done, skipped, folders } = await enqueueEvaluation(redis.url, options('stopped'));
    expect(done + skipped).toBe(6);
    expect(skipped).toBeGreaterThan(0);
    expect(await filesOf(folders[0]!)).toEqual(expected);
    expect(begun(first)).toEqual(NAMES);
  });

  test('a worker that is ended gives its sequence back at once', async () => {
    process.env['EBM_TEST_SLOW'] = '10000';
    const slow = work({ lockDuration: 60_000 });
    const run = enqueueEvaluation(redis.url, options('ended', { only: ['a'] }));
    await expect.poll(() => begun(slow)).toEqual(['a']);
    delete process.env['EBM_TEST_SLOW'];
    expect(await slow.end()).toBe(0);
    expect(slow.events.at(-1)).toMatchObject({ kind: 'returned', sequence: 'a' });
    work();
    expect(await run).toMatchObject({ done: 1, failed: [] });
  });

  describe('refuses', () => {
    test('a worker whose tracker is another; the job waits for one that fits', async () => {
      const other = path.join(folder, 'other.mjs');
      await copyFile(module, other);
      await appendFile(other, '// changed\n');
      const run = enqueueEvaluation(redis.url, options('module', { only: ['a'] }));
      const refused = work({ module: other });
      await expect(refused.ended).rejects.toMatchObject({
        code: 'OPTION_INVALID',
        message: expect.stringMatching(/module: the queue has [0-9a-f]{12}, here it is [0-9a-f]{12}$/) as string,
      });
      expect(refused.events.map(({ kind }) => kind)).toEqual(['returned']);
      work();
      expect(await run).toMatchObject({ done: 1, failed: [] });
    });

    test.each([
      ['config', '0'.repeat(64), /config: the queue has 000000000000, here it is [0-9a-f]{12}$/],
      ['head', '1'.repeat(64), /head: the queue has 111111111111, here it is none$/],
      ['version', '9.9.9', /version: the queue has 9\.9\.9, here it is \d/],
    ])('a queue of another %s', async (key, value, message) => {
      const controller = new AbortController();
      const run = enqueueEvaluation(redis.url, options(`of-${key}`, { only: ['a'], signal: controller.signal }));
      const queue = openQueue();
      await expect.poll(() => queue.getJobCountByTypes('waiting')).toBe(1);
      const [job] = await queue.getWaiting();
      const data = job!.data as { hashes: Record<string, string> };
      await job!.updateData({ ...data, hashes: { ...data.hashes, [key]: value } });
      await expect(work().ended).rejects.toMatchObject({
        code: 'OPTION_INVALID',
        message: expect.stringMatching(message) as string,
      });
      // nor does an enqueuer of this tracker mix its jobs with them
      await expect(enqueueEvaluation(redis.url, options('mixed'))).rejects.toMatchObject({ code: 'OPTION_INVALID' });
      controller.abort();
      await expect(run).rejects.toMatchObject({ code: 'INTERRUPTED' });
    });

    test('a worker whose root has not the sequence', async () => {
      const empty = path.join(folder, 'part');
      await makeSequence(empty, 'b', 1, [0, 0, 0]);
      await mkdir(empty, { recursive: true });
      const controller = new AbortController();
      const run = enqueueEvaluation(redis.url, options('root', { only: ['a'], signal: controller.signal }));
      await expect(work({ root: empty }).ended).rejects.toMatchObject({
        code: 'OPTION_INVALID',
        message: expect.stringContaining('no sequence a of folder') as string,
      });
      controller.abort();
      await expect(run).rejects.toMatchObject({ code: 'INTERRUPTED' });
    });
  });
});

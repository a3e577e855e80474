import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findTracker } from '../../src/evaluation/evaluated-tracker.js';
import { readSequenceResult } from '../../src/evaluation/results.js';
import { runEvaluation, type EvaluationOptions } from '../../src/evaluation/runner.js';
import { makeSequence } from '../helpers/sequences.js';

const FRAMES = 6;
const NAMES = ['a', 'b', 'c', 'd'];
const tracker = path.resolve('test/fixtures/still-tracker.mjs');
let folder: string;
let root: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'runner-'));
  root = path.join(folder, 'data');
  for (const [i, name] of NAMES.entries()) await makeSequence(root, name, FRAMES, [40 * i, 10, 60]);
});
afterAll(() => rm(folder, { recursive: true }));

/** A worker process of this one (Linux). */
function childOf(parent: number): number {
  const processes = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const found = processes.find((pid) => {
    try {
      const [, ppid] = /^\d+ \(.*\) \S (\d+)/s.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? [];
      return Number(ppid) === parent && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('evaluation/worker');
    } catch {
      return false; // it has ended meanwhile
    }
  });
  return Number(found);
}

const options = (out: string, more: Partial<EvaluationOptions> = {}): EvaluationOptions => ({
  dataset: 'folder',
  root,
  out: path.join(folder, out),
  tracker: 'still',
  module: tracker,
  config: {},
  seeds: [3],
  workers: 2,
  command: 'test',
  ...more,
});

test('each sequence has its files, a second run has nothing to do, and adds what is missing', async () => {
  const first = await runEvaluation(options('plain'));
  expect(first).toMatchObject({ done: 4, skipped: 0, failed: [] });
  const [at] = first.folders as [string];
  const { boxes, confidence, seconds } = await readSequenceResult(at, 'b');
  expect(boxes).toHaveLength(4 * FRAMES);
  expect([...boxes.subarray(0, 4)]).toEqual([2, 3, 5, 4]);
  const mean = (40 + 10 + 60) / 3;
  expect(boxes[4]).toBeCloseTo(2 + mean / 100, 4);
  expect(boxes[5]).toBeCloseTo(3.3, 4); // by the seed
  expect(confidence![1]).toBeCloseTo(1 / (1 + mean), 6);
  expect(seconds).toHaveLength(FRAMES);
  expect(await runEvaluation(options('plain'))).toMatchObject({ done: 0, skipped: 4 });
  const whole = await readFile(path.join(at, 'c.txt'), 'utf8');
  await rm(path.join(at, 'c.txt'));
  expect(await runEvaluation(options('plain'))).toMatchObject({ done: 1, skipped: 3 });
  expect(await readFile(path.join(at, 'c.txt'), 'utf8')).toBe(whole);
});

test('run.json tells what made the results', async () => {
  const { folders } = await runEvaluation(options('record', { only: ['a'], threads: 1 }));
  const record = JSON.parse(await readFile(path.join(folders[0]!, 'run.json'), 'utf8')) as Record<string, unknown>;
  expect(record).toMatchObject({
    tracker: 'still',
    dataset: 'folder',
    seed: 3,
    command: 'test',
    threads: 1,
    workers: 2,
  });
  expect(record['identity']).toMatch(/^[0-9a-f]{64}$/);
  expect(record['versions']).toMatchObject({ node: process.version, 'onnxruntime-node': '1.30.0' });
});

test('a folder of other settings is refused', async () => {
  await runEvaluation(options('other', { only: ['a'] }));
  const changed = runEvaluation(options('other', { config: { search: { factor: 3 } } }));
  await expect(changed).rejects.toMatchObject({
    code: 'OPTION_INVALID',
    message: expect.stringContaining('run.json') as string,
  });
});

test('one bad sequence is told, the others are done', async () => {
  await makeSequence(root, 'green', FRAMES, [0, 255, 0]);
  await mkdir(path.join(root, 'short'), { recursive: true });
  await writeFile(path.join(root, 'short/groundtruth.txt'), '1,2,3,4\n1,2,3\n');
  const { done, failed, folders } = await runEvaluation(options('bad'));
  expect(done).toBe(4);
  expect(failed.map(({ sequence, code }) => [sequence, code]).toSorted()).toEqual([
    ['green', 'UNEXPECTED'],
    ['short', 'DATA_INVALID'],
  ]);
  const listed = JSON.parse(await readFile(path.join(folders[0]!, 'failed.json'), 'utf8')) as unknown[];
  expect(listed).toHaveLength(2);
  expect((await readdir(folders[0]!)).filter((name) => name.endsWith('.txt'))).toHaveLength(4);
  await rm(path.join(root, 'green'), { recursive: true });
  await rm(path.join(root, 'short'), { recursive: true });
});

test.skipIf(process.platform !== 'linux')(
  'a process that is killed is replaced and its sequence done again',
  async () => {
    const { folders } = await runEvaluation(options('calm'));
    process.env['EBM_TEST_SLOW'] = '150';
    let killed = false;
    try {
      const summary = await runEvaluation(
        options('killed', {
          onProgress: ({ running }) => {
            if (killed || running.size === 0) return;
            killed = true;
            process.kill(childOf(process.pid), 'SIGKILL');
          },
        }),
      );
      expect(killed).toBe(true);
      expect(summary).toMatchObject({ done: 4, failed: [] });
      for (const name of NAMES) {
        const files = await Promise.all(
          [folders[0]!, summary.folders[0]!].map((at) => readFile(path.join(at, `${name}.txt`), 'utf8')),
        );
        expect(files[0]).toBe(files[1]);
      }
    } finally {
      delete process.env['EBM_TEST_SLOW'];
    }
  },
);

test('an abort ends it; what was finished stays', async () => {
  process.env['EBM_TEST_SLOW'] = '100';
  const controller = new AbortController();
  try {
    const run = runEvaluation(
      options('aborted', {
        workers: 1,
        signal: controller.signal,
        onProgress: ({ done }) => {
          if (done === 1) controller.abort();
        },
      }),
    );
    await expect(run).rejects.toMatchObject({ code: 'INTERRUPTED' });
  } finally {
    delete process.env['EBM_TEST_SLOW'];
  }
  expect(await runEvaluation(options('aborted'))).toMatchObject({ done: 3, skipped: 1 });
});

test('a module without createTracker is told', async () => {
  const file = path.join(folder, 'empty.mjs');
  await writeFile(file, 'export const other = 1;\n');
  await expect(findTracker(file)).rejects.toMatchObject({ code: 'INPUT_NOT_FOUND' });
});

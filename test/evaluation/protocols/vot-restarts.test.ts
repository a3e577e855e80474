import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findProtocol } from '../../../src/evaluation/protocols/index.js';
import { isRestartRun, packRestarts, unpackRestarts } from '../../../src/evaluation/protocols/vot-restarts.js';
import { expectedAverageOverlap } from '../../../src/evaluation/protocols/vot.js';
import { cli } from '../../helpers/terminal.js';
import { makeSequence } from '../../helpers/sequences.js';

const TRACKER = fileURLToPath(new URL('../../fixtures/still-tracker.mjs', import.meta.url));
const NAME = 'slide';
const FRAMES = 20;

let folder = '';
const at = (...parts: string[]): string => path.join(folder, ...parts);

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'ebm-restarts-'));
  await makeSequence(folder, NAME, FRAMES, [200, 200, 200]);
  await rename(at(NAME, 'img'), at(NAME, 'color'));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

const run = (...args: string[]): ReturnType<typeof cli> =>
  cli('evaluate', 'vot-restarts', '--root', folder, '--out', at('out'), '--quiet', ...args);

test('rows and frames of a run are the same thing twice', () => {
  const frames = ['init', [1, 2, 3, 4], 'failure', 'skipped', 'init', [0, 0, 3, 4]] as const;
  const rows = packRestarts(frames, 'a');
  expect([...rows.subarray(0, 12)]).toEqual([1, 0, 0, 0, 1, 2, 3, 4, 2, 0, 0, 0]);
  expect(unpackRestarts(rows)).toEqual(frames);
  expect(isRestartRun(rows)).toBe(true);
  expect(isRestartRun(Float64Array.of(1, 2, 3, 4))).toBe(false);
  expect(() => packRestarts(['init', [1, 1, 2, 1, 2, 2, 1, 2]], 'a.txt')).toThrow(/a\.txt, line 2: found a polygon/);
});

// the box slides by 2 pixels a frame off a true box 5 pixels wide: overlap 3/7, then 1/9, then none
const CYCLE = ['1', 'box', 'box', '2', '0', '0', '0', '0'];

test('the tracker is started anew five frames after each failure', async () => {
  const { exitCode, out, err } = await run('--tracker', TRACKER, '--seeds', '0', '--json');
  expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' });
  const text = await readFile(at('out', 'still-tracker', 'vot-restarts', 'seed-0', `${NAME}.txt`), 'utf8');
  const kinds = text
    .trimEnd()
    .split('\n')
    .map((line) => /^(\d)\.0000,0\.0000,0\.0000,0\.0000$/.exec(line)?.[1] ?? 'box');
  expect(kinds).toEqual(Array.from({ length: FRAMES }, (_, i) => CYCLE[i % CYCLE.length]));
  // starts at 0, 8 and 16; failures at 3, 11 and 19; all tracked frames are within ten of a start
  expect(JSON.parse(out)).toEqual({
    protocol: 'vot-restarts',
    robustness: 15,
    sequences: { [NAME]: { robustness: 15 } },
  });
});

test('a run that was begun goes on, and its results are not taken for those of one pass, nor the other way about', async () => {
  await run('--tracker', TRACKER, '--seeds', '0');
  const again = await run('--tracker', TRACKER, '--seeds', '0');
  expect(again.exitCode).toBe(0);
  const results = at('out', 'still-tracker', 'vot-restarts', 'seed-0');
  const wrong = await run('--results', results, '--protocol', 'lasot');
  expect(wrong.exitCode).toBe(2);
  expect(wrong.err).toContain('holds a run with restarts');
  const all = await run('--results', results, '--protocol', 'all');
  expect(all.out.match(/^\S+/gm)).toEqual([results, 'protocol', 'vot-restarts']);

  await mkdir(at('pass'));
  await writeFile(at('pass', `${NAME}.txt`), '2,3,5,4\n'.repeat(FRAMES));
  const pass = await run('--results', at('pass'));
  expect(pass.err).toContain('holds a run of one pass');
  expect((await run('--results', at('pass'), '--protocol', 'all')).out).not.toContain('vot-restarts');
});

test("VOT's own files are read, and a report of them is written", async () => {
  await mkdir(at('baseline', NAME), { recursive: true });
  const lines = ['1', ...Array<string>(12).fill('2,3,5,2'), '2', '0', '0', '0', '0', '1', '2,3,5,4'];
  await writeFile(at('baseline', NAME, `${NAME}_001.txt`), `${lines.join('\n')}\n`);
  const { exitCode, out } = await run('--results', at('baseline'), '--json', '--report', at('report'));
  expect(exitCode).toBe(0);
  // frames 10 to 12 count, each with half of the box
  expect(JSON.parse(out)).toMatchObject({ accuracy: 50, robustness: 5 });
  expect(await readFile(at('report', 'report.html'), 'utf8')).toContain('robustness');
});

test('EAO of each year is told where a sequence is long enough', () => {
  const truth = Float64Array.from({ length: 4 * 300 }, (_, i) => [10, 10, 20, 20][i % 4]!);
  const frames = Array.from({ length: 300 }, (_, i) => (i === 0 ? ('init' as const) : [10, 10, 20, i < 200 ? 20 : 10]));
  const { metrics } = findProtocol('vot-restarts').score([{ name: 'a', truth, boxes: packRestarts(frames, 'a') }]);
  expect(Object.keys(metrics)).toEqual(['eao2016', 'eao2017', 'eao2018', 'eao2019', 'accuracy', 'robustness']);
  expect(metrics['eao2018']).toBe(expectedAverageOverlap([{ name: 'a', truth, frames }], [100, 356]));
  expect(metrics['accuracy']).toBeCloseTo((190 + 100 / 2) / 290, 12);
  const short = findProtocol('vot-restarts').score([
    { name: 'a', truth: truth.subarray(0, 40), boxes: packRestarts(frames.slice(0, 10), 'a') },
  ]);
  expect(short.metrics).toEqual({ robustness: 0 });
});

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runCli } from '../../src/cli/program.js';
import { PROTOCOLS } from '../../src/evaluation/protocols/index.js';
import { makeSequence } from '../helpers/sequences.js';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'evaluate-'));
  await writeFile(path.join(root, 'a.txt'), '10,10,20,20\n10,10,20,20\n');
});
afterAll(() => rm(root, { recursive: true }));

async function evaluate(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const terminal = { stdout: new PassThrough(), stderr: new PassThrough() };
  const code = await runCli(['evaluate', ...args], terminal);
  const read = (stream: PassThrough): string => String((stream.read() as Buffer | null) ?? '');
  return { code, out: read(terminal.stdout), err: read(terminal.stderr) };
}

test('scores plain folders as JSON in percent', async () => {
  const { code, out } = await evaluate('--protocol', 'lasot', '--results', root, '--truth', root, '--json');
  expect(code).toBe(0);
  expect(JSON.parse(out)).toMatchObject({
    protocol: 'lasot',
    auc: 95.24,
    precision20: 100,
    normPrecision: 100,
    sequences: { a: { auc: 95.24 } },
  });
});

test('--protocol all shows each protocol on a line', async () => {
  const { out } = await evaluate('--protocol', 'all', '--results', root, '--truth', root);
  expect(out.trimEnd().split('\n')).toHaveLength(PROTOCOLS.filter(({ restarts }) => !restarts).length + 2); // the folder, the head
  expect(out).toMatch(/trackingnet +1 +97\.50/);
});

test('a missing result is told and makes the exit code 1', async () => {
  const truth = await mkdtemp(path.join(root, 'truth-'));
  for (const name of ['a', 'b']) await writeFile(path.join(truth, `${name}.txt`), '10,10,20,20\n');
  const { code, err } = await evaluate('--results', root, '--truth', truth);
  expect(code).toBe(1);
  expect(err).toMatch(/1 of 2 sequences have no result: b/);
});

test('results of another length than the truth are said, and scored', async () => {
  const [truth, results] = [await mkdtemp(path.join(root, 'truth-')), await mkdtemp(path.join(root, 'odd-'))];
  const rows = (count: number): string => '10,10,20,20\n'.repeat(count);
  for (const [name, frames, boxes] of [
    ['long', 3, 5],
    ['same', 4, 4],
    ['short', 4, 1],
  ] as const) {
    // prettier-ignore
    await writeFile(path.join(truth, `${name}.txt`), rows(frames));
    await writeFile(path.join(results, `${name}.txt`), rows(boxes));
  }
  await writeFile(path.join(results, 'same_object_presence_scores.txt'), '1\n1\n');
  const { code, out, err } = await evaluate('--truth', truth, '--results', results);
  expect(code).toBe(0);
  expect(out).toMatch(/^ope +3 /m);
  expect(err).toMatch(
    /warning: .*another length than the truth: long: 5 boxes for 3 frames; same: 2 confidences for 4 boxes; short: 1 boxes for 4 frames$/m,
  );
});

test('results and truth in UTF-16, with semicolons and decimal commas, score the same', async () => {
  const truth = await mkdtemp(path.join(root, 'wide-'));
  await writeFile(path.join(truth, 'a.txt'), Buffer.from('\uFEFF10;10,0;20;20\r\n10;10;20,0;20\r\n\r\n', 'utf16le'));
  const plain = await evaluate('--results', root, '--truth', root, '--json');
  const wide = await evaluate('--results', truth, '--truth', truth, '--json');
  expect(wide).toEqual({ ...plain, err: '' });
});

test.each(PROTOCOLS.map(({ name }) => name))('--explain %s prints its rules', async (name) => {
  const { code, out } = await evaluate('--explain', name);
  expect(code).toBe(0);
  expect(out).toMatch(/^ 1\. /m);
});

test.each([
  [[], 'OPTION_INVALID', 2],
  [['--explain', 'nope'], 'OPTION_INVALID', 2],
  [['--results', 'nowhere', '--truth', 'nowhere'], 'INPUT_NOT_FOUND', 2],
])('%j is used wrongly', async (args, expected, exit) => {
  const { code, err } = await evaluate(...args);
  expect(code).toBe(exit);
  expect(err).toContain(expected);
});

test('runs a data set, scores it, and goes on where it stopped', async () => {
  const data = await mkdtemp(path.join(root, 'data-'));
  await makeSequence(data, 'a', 4, [0, 0, 0]);
  await makeSequence(data, 'b', 4, [250, 0, 0]);
  const out = path.join(data, 'out');
  const args = ['folder', '--root', data, '--out', out, '--tracker', 'test/fixtures/still-tracker.mjs', '--seeds', '0'];
  const first = await evaluate(...args, '--json');
  expect(first.err).toContain('2/2');
  expect(first.code).toBe(0);
  // black frames: the box stays; the others move it by 0.833 pixels a frame
  const scores = JSON.parse(first.out) as { auc: number; sequences: Record<string, { auc: number; ao: number }> };
  expect(scores.sequences['a']).toMatchObject({ auc: 95.24, ao: 100 });
  const overlap = (moved: number): number => (5 - moved) / (5 + moved);
  const step = Math.fround(250 / 3 / 100);
  const expected = (1 + overlap(step) + overlap(2 * step) + overlap(3 * step)) / 4;
  expect(scores.sequences['b']!.ao).toBeCloseTo(100 * expected, 1);
  const again = await evaluate(...args, '--json', '--quiet');
  expect(again.out).toBe(first.out);
});

test('a failed sequence makes the exit code 1, the others are scored', async () => {
  const data = await mkdtemp(path.join(root, 'data-'));
  await makeSequence(data, 'a', 3, [0, 0, 0]);
  await makeSequence(data, 'green', 3, [0, 255, 0]);
  const { code, out, err } = await evaluate(
    'folder',
    '--root',
    data,
    '--out',
    path.join(data, 'out'),
    '--tracker',
    'test/fixtures/still-tracker.mjs',
  );
  expect(code).toBe(1);
  expect(err).toMatch(/failed green \(seed 11\): UNEXPECTED: .*green frame/);
  expect(out).toMatch(/ope +1 /);
});

test('--list tells what a folder holds', async () => {
  const data = await mkdtemp(path.join(root, 'data-'));
  await makeSequence(data, 'a', 1, [0, 0, 0]);
  const { code, out } = await evaluate('--list', '--root', data);
  expect(code).toBe(0);
  expect(out).toMatch(/^folder +1 +ope/m);
  expect((await evaluate('--list', '--root', path.join(data, 'a', 'img'))).code).toBe(2);
});

test('--report puts several result folders side by side', async () => {
  const out = await mkdtemp(path.join(root, 'report-'));
  const other = await mkdtemp(path.join(root, 'other-'));
  await writeFile(path.join(other, 'a.txt'), '10,10,20,20\n15,10,20,20\n');
  const { code, err } = await evaluate('--truth', root, '--report', out, '--results', root, other);
  expect(code).toBe(0);
  expect(err).toContain('report.html');
  const csv = await readFile(path.join(out, 'report.csv'), 'utf8');
  // overlap 15/25 in the second frame: above 12 of 21 thresholds
  expect(csv).toBe(
    `sequence,frames,${path.basename(root)},${path.basename(other)}\na,2,95.24,${((100 * (20 + 12)) / 42).toFixed(2)}\n`,
  );
});

test('--report shows the failures where the data set has frames, and says which it cannot read', async () => {
  const [data, out, results] = await Promise.all(
    ['data-', 'report-', 'results-'].map((name) => mkdtemp(path.join(root, name))),
  );
  await makeSequence(data!, 'a', 12, [9, 9, 9]);
  await makeSequence(data!, 'broken', 12, [9, 9, 9]);
  for (let i = 1; i <= 12; i++) await writeFile(path.join(data!, 'broken', 'img', `${i}.png`), 'no image');
  const boxes = '2,3,5,4\n'.repeat(4) + '10,3,5,4\n'.repeat(8);
  for (const name of ['a', 'broken']) await writeFile(path.join(results!, `${name}.txt`), boxes);
  const { code, err } = await evaluate('folder', '--root', data!, '--report', out!, '--results', results!);
  expect(code).toBe(0);
  expect(err).toMatch(/warning: no film strip of broken: .*not one of 12 images could be read/);
  const page = await readFile(path.join(out!, 'report.html'), 'utf8');
  expect(page.match(/<img src="data:image\/jpeg;base64,/g)).toHaveLength(8);
  expect(page).toContain('<b>a</b>, from frame 4 on');
});

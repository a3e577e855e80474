import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import {
  hasSequenceResult,
  listResults,
  pairResults,
  readSequenceResult,
  readTruthFolder,
  writeSequenceResult,
} from '../../src/evaluation/results.js';
import { parseRows } from '../../src/io/number-rows.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'results-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function place(files: Record<string, string>): Promise<string> {
  const root = await mkdtemp(path.join(folder, 'case-'));
  for (const [name, text] of Object.entries(files)) {
    await mkdir(path.dirname(path.join(root, name)), { recursive: true });
    await writeFile(path.join(root, name), text);
  }
  return root;
}

test('what was written is read back', async () => {
  const root = path.join(folder, 'own');
  const result = {
    boxes: Float64Array.of(1, 2, 3, 4, 1.5, 2.25, 3.125, 4.0625),
    confidence: Float64Array.of(1, 0.25),
    seconds: Float64Array.of(0.5, 0.001),
  };
  expect(await hasSequenceResult(root, 'a')).toBe(false);
  await writeSequenceResult(root, 'a', result);
  expect(await hasSequenceResult(root, 'a')).toBe(true);
  expect(await readSequenceResult(root, 'a')).toEqual(result);
  expect((await readdir(root)).toSorted()).toEqual(['a.txt', 'confidence', 'times']);
  expect(await readFile(path.join(root, 'a.txt'), 'utf8')).toBe(
    '1.0000,2.0000,3.0000,4.0000\n1.5000,2.2500,3.1250,4.0625\n',
  );
});

test('a file that was left half written is no result', async () => {
  const root = await place({ 'a.txt.77.part': '1,2,3,4\n', 'b.txt': '1,2,3,4\n' });
  expect(await hasSequenceResult(root, 'a')).toBe(false);
  expect(await listResults(root)).toEqual(['b']);
});

describe('folders of other toolkits', () => {
  const boxes = Float64Array.of(10, 20, 30, 40, 11, 21, 31, 41);
  it.each<[string, Record<string, string>, object]>([
    [
      'pytracking',
      {
        'a.txt': '10\t20\t30\t40\n11\t21\t31\t41\n',
        'a_time.txt': '0.100000\n0.200000\n',
        'a_object_presence_scores.txt': '1.0\n0.5\n',
      },
      { seconds: Float64Array.of(0.1, 0.2), confidence: Float64Array.of(1, 0.5) },
    ],
    [
      'GOT-10k',
      {
        'a/a_001.txt': '10.000,20.000,30.000,40.000\n11.000,21.000,31.000,41.000\n',
        'a/a_time.txt': '0.1,0.3\n0.2,0.3\n',
      },
      { seconds: Float64Array.of(0.1, 0.2) },
    ],
    [
      'got10k for OTB',
      { 'a.txt': '10,20,30,40\n11,21,31,41', 'times/a_time.txt': '0.1\n0.2\n' },
      { seconds: Float64Array.of(0.1, 0.2) },
    ],
    ['pysot', { 'a.txt': '10.0,20.0,30.0,40.0\r\n1.1e1,21.0,31.0,41.0\r\n' }, {}],
    ['LaSOT', { 'a.txt': '\uFEFF10 20 30 40\n11  21 31\t41\n\n' }, {}],
  ])('%s', async (_, files, more) => {
    const root = await place(files);
    expect(await listResults(root)).toEqual(['a']);
    expect(await readSequenceResult(root, 'a')).toEqual({ boxes, ...more });
  });
});

test('truth and results are paired by name, those without result are told', async () => {
  const truth = await place({ 'a.txt': '1,2,3,4\n1,2,3,4\n', 'b.txt': '1,2,3,4\n' });
  const absent = await place({ 'a.txt': '0\n1\n', 'b.txt': '0\n' });
  const results = await place({ 'a.txt': '1,2,3,4\n1,2,3,4\n', 'c.txt': '1,2,3,4\n' });
  const { scored, missing } = await pairResults(await readTruthFolder(truth, absent), results);
  expect(missing).toEqual(['b']);
  expect(scored).toMatchObject([{ name: 'a', absent: [false, true] }]);
});

describe('faults name file and line', () => {
  it.each([
    ['1,2,3\n', /x.txt, line 1: found 3/],
    ['1,2,3,4\n1,2,3,4,5\n', /x.txt, line 2: found 5 numbers/],
    ['1,2,3,4\n1,two,3,4\n', /x.txt, line 2: found "two"/],
    ['1,2,3,4\n\n1,2,3,4\n', /x.txt, line 2/],
    ['', /never/],
  ])('%j', (text, message) => {
    if (text === '') expect(parseRows(text, 'x.txt', [4]).rows).toHaveLength(0);
    else
      expect(() => parseRows(text, 'x.txt', [4])).toThrowError(
        expect.objectContaining({ code: 'DATA_INVALID', message: expect.stringMatching(message) as string }),
      );
  });

  it('flags of another number of frames', async () => {
    const truth = await place({ 'a.txt': '1,2,3,4\n1,2,3,4\n' });
    const absent = await place({ 'a.txt': '0\n' });
    await expect(readTruthFolder(truth, absent)).rejects.toMatchObject({
      code: 'DATA_INVALID',
      message: expect.stringContaining('found 1 flags, expected 2') as string,
    });
  });

  it('no such folder, no such sequence', async () => {
    await expect(listResults(path.join(folder, 'none'))).rejects.toMatchObject({ code: 'INPUT_NOT_FOUND' });
    await expect(readSequenceResult(folder, 'zzz')).rejects.toMatchObject({ code: 'INPUT_NOT_FOUND' });
  });
});

test('NaN is read in any case, an empty field is a fault', () => {
  expect([...parseRows('NaN,nan,NAN,-nan\n', 'x', [4]).rows]).toEqual(Array.from({ length: 4 }, () => Number.NaN));
  expect(() => parseRows('1,,3,4\n', 'x', [4])).toThrowError(/x, line 1: found "", expected a number/);
});

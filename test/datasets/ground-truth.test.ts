import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { learnableBoxes, parseGroundTruth, readGroundTruth } from '../../src/datasets/ground-truth.js';
import { readTruthFolder } from '../../src/evaluation/results.js';
import { readSequences } from '../../src/datasets/footage.js';
import { readFootage } from '../../src/training/footage.js';
import { makeSequence } from '../helpers/sequences.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'truth-'));
});
afterAll(() => rm(folder, { recursive: true }));

const FIRST = [2.5, 3, 5, 4];
const SECOND = [3, 3, 5, 4.25];

describe('rules 2 and 3: one table, written in many ways', () => {
  it.each([
    ['commas', '2.5,3,5,4\n3,3,5,4.25\n'],
    ['blanks', '2.5 3  5 4\n3 3 5 4.25'],
    ['tabs', '2.5\t3\t5\t4\n3\t3\t5\t4.25\n'],
    ['commas and tabs', '2.5,\t3,\t5,\t4\n3,\t3,\t5,\t4.25\n'],
    ['semicolons', '2.5;3;5;4\n3;3;5;4.25\n'],
    ['semicolons and decimal commas', '2,5;3;5;4\n3;3;5;4,25\n'],
    ['tabs and decimal commas', '2,5\t3,0\t5\t4\n3\t3\t5\t4,25\n'],
    ['blanks and decimal commas', '2,5 3 5 4\n3 3 5 4,25\n'],
    ['a separator at the end', '2.5,3,5,4,\n3,3,5,4.25,\n'],
    ['a mark, Windows line ends and blank last lines', '\uFEFF2.5,3,5,4\r\n3,3,5,4.25\r\n \r\n\r\n'],
    ['line ends of old Macs', '2.5,3,5,4\r3,3,5,4.25\r'],
    ['powers of ten and signs', '25e-1,+3,5.,4e0\n3,3,.5e1,4.25\n'],
    ['quotes', '"2.5","3","5","4"\n"3","3","5","4.25"\n'],
  ])('%s', (_, text) => {
    expect([...parseGroundTruth(text, 'x').truth]).toEqual([...FIRST, ...SECOND]);
  });

  it.each([
    ['a blank line between', '1,2,3,4\n\n1,2,3,4\n', /x, line 2: found/],
    ['thousands separators', '1.234,5;2;3;4\n', /x, line 1: found "1.234,5", expected a number without thousands/],
    ['decimal commas between commas', '"2,5","3","5","4"\n', /x, line 1: found "2,5", expected a decimal point/],
    ['a hexadecimal number', '1,2,3,4\n0x10,2,3,4\n', /x, line 2: found "0x10", expected a number/],
    ['five numbers', '1,2,3,4\n1,2,3,4,5\n', /x, line 2: found 5 numbers/],
    ['three numbers', '1,2,3\n', /x, line 1: found 3 .*expected 4 or 8/],
  ])('refuses %s', (_, text, message) => {
    expect(() => parseGroundTruth(text, 'x')).toThrowError(
      expect.objectContaining({ code: 'DATA_INVALID', message: expect.stringMatching(message) as string }),
    );
  });

  it.each(['utf-16le', 'utf-16be'])('%s, as PowerShell writes it', async (encoding) => {
    const file = path.join(folder, `${encoding}.txt`);
    const bytes = Buffer.from('\uFEFF2.5,3,5,4\r\n3,3,5,4.25\r\n', 'utf16le');
    await writeFile(file, encoding === 'utf-16le' ? bytes : bytes.swap16());
    const { truth, annotation } = await readGroundTruth(file);
    expect([...truth]).toEqual([...FIRST, ...SECOND]);
    expect(annotation).toBe(file);
  });
});

test('rule 1: polygons keep their corners beside their hull', () => {
  const { truth, polygons } = parseGroundTruth('1,2, 5,1, 6,4, 2,5\n', 'x');
  expect([...truth]).toEqual([1, 1, 5, 4]);
  expect([...polygons!]).toEqual([1, 2, 5, 1, 6, 4, 2, 5]);
});

test('rule 4: NaN in any case is no truth', () => {
  const { truth } = parseGroundTruth('1,2,3,4\nNaN,nan,NAN,-nan\nnan(ind),nan,nan,nan\n', 'x');
  expect(learnableBoxes(truth, 'x').boxes).toEqual([{ x: 1, y: 2, w: 3, h: 4 }, undefined, undefined]);
});

test.each([
  ['NaN in part', '1,2,3,4\n1,NaN,3,4\n', /x, line 2: found 1,NaN,3,4, expected four finite/],
  ['an infinite number', '1,2,inf,4\n', /x, line 1: found 1,2,Infinity,4, expected four finite/],
  ['a number that is too large', '1,2,3,1e400\n', /x, line 1: found 1,2,3,Infinity/],
  ['NaN in part of a polygon', '1,2,3,4,5,6,7,nan\n', /x, line 1: .*expected eight finite/],
])('rule 5: %s is a fault', (_, text, message) => {
  expect(() => parseGroundTruth(text, 'x')).toThrowError(message);
});

test('rules 6 and 7: what has no area is no truth to learn from, a negative side is a fault there; numbers are kept', () => {
  const { truth } = parseGroundTruth('0,0,0,0\n5,5,0,7\n5,5,3,-1\n5,5,3,1\n', 'x');
  expect([...truth.subarray(0, 12)]).toEqual([0, 0, 0, 0, 5, 5, 0, 7, 5, 5, 3, -1]);
  const { boxes, faults } = learnableBoxes(truth, 'x');
  expect(boxes).toEqual([undefined, undefined, undefined, { x: 5, y: 5, w: 3, h: 1 }]);
  expect(faults).toEqual(['x, line 3: height is -1 in 5,5,3,-1, expected more than 0']);
  expect(learnableBoxes(truth, 'x', [false, false, true, true]).faults).toEqual([]);
});

test.each(['', '\n\n', '\uFEFF'])('rule 8: a file without a row is a fault: %j', (text) => {
  expect(() => parseGroundTruth(text, 'x')).toThrowError(expect.objectContaining({ code: 'DATA_INVALID' }));
});

/** What each of the three says of one annotation of four frames of 16 x 12: the boxes that count, or the line of its fault. */
async function readByAll(name: string, text: string | Uint8Array): Promise<unknown[]> {
  const root = path.join(folder, name);
  await makeSequence(root, 'a', 4, [90, 90, 90]);
  const file = path.join(root, 'a/groundtruth.txt');
  await writeFile(file, text);
  await writeFile(path.join(root, 'a/video.mp4'), ''); // training wants it to be there, and does not open it yet
  await mkdir(`${root}-plain`);
  await writeFile(path.join(`${root}-plain`, 'a.txt'), text);
  const lineOf = (error: unknown): string => /line \d+/.exec(String(error))?.[0] ?? String(error);
  const training = readSequences(root).then(([sequence]) => sequence!.boxes, lineOf);
  const tuned = readFootage(path.join(root, 'a/img'), file).then(({ sequences, faults }) =>
    faults.length > 0 ? lineOf(faults[0]!.message) : sequences[0]!.boxes,
  );
  const evaluated = readTruthFolder(`${root}-plain`).then(
    ([sequence]) => learnableBoxes(sequence!.truth, 'a').boxes,
    lineOf,
  );
  return Promise.all([training, tuned, evaluated]);
}

describe('training, fine-tuning and evaluation read the same', () => {
  const box = { x: 2, y: 3, w: 5, h: 4 };
  it.each<[string, string | Uint8Array, unknown]>([
    ['boxes of no size', '2,3,5,4\n0,0,0,0\n2,3,5,0\n2,3,5,4\n', [box, undefined, undefined, box]],
    ['semicolons', '2;3;5;4\n2;3;5;4\n', [box, box]],
    ['a mark', '\uFEFF2,3,5,4\nNaN,NaN,NaN,NaN\n', [box, undefined]],
    ['UTF-16', Buffer.from('\uFEFF2,3,5,4\r\n2,3,5,4\r\n', 'utf16le'), [box, box]],
    ['a comma at the end', '2,3,5,4,\n2,3,5,4,\n', [box, box]],
    ['decimal commas', '2,0;3;5;4\n2;3;5,0;4\n', [box, box]],
    ['NaN in part', '2,3,5,4\n2,NaN,5,4\n', 'line 2'],
    ['an infinite side', '2,3,5,4\n2,3,5,4\n2,3,inf,4\n', 'line 3'],
    ['a blank line between', '2,3,5,4\n\n2,3,5,4\n', 'line 2'],
    ['a word', '2,3,5,4\n2,3,five,4\n', 'line 2'],
  ])('%s', async (name, text, expected) => {
    expect(await readByAll(name.replaceAll(' ', '-'), text)).toEqual([expected, expected, expected]);
  });
});

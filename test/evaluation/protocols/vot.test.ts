import * as fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import {
  accuracy,
  EAO_LENGTHS,
  expectedAverageOverlap,
  formatRestartRun,
  overlapWithTruth,
  parseRestartRun,
  robustness,
  runWithRestarts,
  scoreRestarts,
  VOT,
  type RestartFrame,
  type RestartRun,
} from '../../../src/evaluation/protocols/vot.js';
import type { ScoredSequence } from '../../../src/evaluation/types.js';

const TRUTH = [10, 10, 20, 20] as const;
const repeat = <const T>(value: T, n: number): T[] => Array.from({ length: n }, () => value);
/** A box whose overlap with TRUTH is `overlap`: the same box, cut at the right. */
const boxOf = (overlap: number): number[] => [10, 10, 20 * overlap, 20];
const invalid = expect.objectContaining({ code: 'DATA_INVALID' }) as object;

/** A run where numbers are the overlaps of answers. */
function runOf(frames: readonly (RestartFrame | number)[], more: Partial<RestartRun> = {}): RestartRun {
  return {
    name: 'a',
    truth: Float64Array.from(frames.flatMap(() => TRUTH)),
    frames: frames.map((frame) => (typeof frame === 'number' ? boxOf(frame) : frame)),
    ...more,
  };
}

function sequence(boxes: readonly (readonly number[])[], more: Partial<ScoredSequence> = {}): ScoredSequence {
  const truth = Float64Array.from(boxes.flatMap(() => TRUTH));
  return { name: 'a', truth, boxes: Float64Array.from(boxes.flat()), ...more };
}

describe('vot, runs without restarts', () => {
  it('is the mean overlap of all frames but the first, sequences pooled', () => {
    const short = sequence([boxOf(0.1), boxOf(1)]);
    const long = sequence([boxOf(1), boxOf(0.5), boxOf(0.5), [500, 500, 5, 5]], { name: 'b' });
    const { metrics, sequences } = VOT.score([short, long]);
    expect(metrics['accuracy']).toBeCloseTo((1 + 0.5 + 0.5 + 0) / 4, 12);
    expect(metrics['lost']).toBe(0.25);
    expect(metrics['op50']).toBe(0.25); // exactly one half is not above it
    expect(sequences.map((own) => own.metrics['accuracy'])).toEqual([1, 1 / 3]);
  });

  it('takes polygons where there are some', () => {
    // a square of side 20 stood on its corner: area 200 of the 400 of its box, all inside
    const diamond = [20, 10, 30, 20, 20, 30, 10, 20];
    const run = sequence([boxOf(1), boxOf(1)], { polygons: Float64Array.from([...diamond, ...diamond]) });
    expect(VOT.score([run]).metrics['accuracy']).toBeCloseTo(0.5, 12);
  });

  it('clips both regions to the image', () => {
    const run = sequence([boxOf(1), boxOf(0.5)]);
    expect(VOT.score([run]).metrics['accuracy']).toBeCloseTo(0.5, 12);
    const size = { width: 20, height: 100 };
    expect(VOT.score([{ ...run, size }]).metrics['accuracy']).toBeCloseTo(1, 12);
  });

  it('leaves out frames without truth and absent ones, and fails those that were not answered', () => {
    const run = sequence([boxOf(1), boxOf(1), boxOf(0), boxOf(0), boxOf(0.5)], {
      absent: [false, false, true, false, false],
    });
    run.truth.fill(Number.NaN, 12, 16);
    expect(VOT.score([run]).metrics['accuracy']).toBeCloseTo(0.75, 12);
    expect(VOT.score([{ ...run, boxes: run.boxes.subarray(0, 16) }]).metrics['accuracy']).toBeCloseTo(0.5, 12);
  });

  it('refuses no sequences, and truth of the first frame only', () => {
    expect(() => VOT.score([])).toThrowError(invalid);
    const hidden = sequence([boxOf(1), boxOf(1)], { name: 'hidden' });
    hidden.truth.fill(Number.NaN, 4);
    expect(() => VOT.score([hidden])).toThrowError(/hidden/);
  });
});

describe('runs with restarts', () => {
  it('starts anew five frames after a failure', async () => {
    const calls: string[] = [];
    const frames = await runWithRestarts({
      frames: 12,
      init: async (frame) => void calls.push(`init ${frame}`),
      update: async (frame) => {
        calls.push(`update ${frame}`);
        return boxOf(frame === 2 || frame === 11 ? 0 : 1);
      },
      overlap: (frame, answer) => overlapWithTruth(runOf(repeat(1, 12)), frame, answer),
    });
    const full = boxOf(1);
    expect(frames).toEqual(['init', full, 'failure', ...repeat('skipped', 4), 'init', full, full, full, 'failure']);
    expect(calls).toEqual(['init 0', 'update 1', 'update 2', 'init 7', ...[8, 9, 10, 11].map((i) => `update ${i}`)]);
  });

  it.each([
    ['a failure in each frame', 0, 'init', 3],
    ['no failure', 1, [10, 10, 20, 20], 0],
  ])('%s', async (_, overlap, last, failures) => {
    const frames = await runWithRestarts({
      frames: 19,
      init: async () => {},
      update: async () => boxOf(1),
      overlap: () => overlap,
    });
    // 0 init, 1 failure, 6 init, 7 failure, 12 init, 13 failure, 18 init
    expect(frames.at(-1)).toEqual(last);
    expect(robustness([runOf(frames)]).failures).toBe(failures);
  });

  it('reads what it writes', () => {
    const coordinate = fc.integer({ min: -99999, max: 99999 }).map((n) => n / 10_000);
    const region = (n: number): fc.Arbitrary<number[]> => fc.array(coordinate, { minLength: n, maxLength: n });
    const frame = fc.oneof(fc.constantFrom('init', 'failure', 'skipped'), region(4), region(8));
    fc.assert(
      fc.property(fc.array(frame, { minLength: 1 }), (frames) => {
        const plain = frames.map((one) => (typeof one === 'string' ? one : one.map((value) => value + 0)));
        expect(parseRestartRun(formatRestartRun(plain), 'text')).toEqual(plain);
      }),
    );
  });

  it('reads the codes of a VOT file, and names a line that is none', () => {
    const text = '1\r\n10.5,2,3,4\n2\n0\n1,2,3,4,5,6,7,8\n';
    expect(parseRestartRun(text, 'a.txt')).toEqual([
      'init',
      [10.5, 2, 3, 4],
      'failure',
      'skipped',
      [1, 2, 3, 4, 5, 6, 7, 8],
    ]);
    for (const line of ['3', '1,2,3', 'x,2,3,4', '1,2,3,NaN']) {
      expect(() => parseRestartRun(`1\n${line}\n`, 'a.txt'), line).toThrowError(invalid);
      expect(() => parseRestartRun(`1\n${line}\n`, 'a.txt'), line).toThrowError(/line 2/);
    }
  });
});

describe('accuracy and robustness', () => {
  const twenty = runOf(['init', ...repeat(1, 9), ...repeat(0.5, 10)]);
  it('leaves out ten frames from each start', () => {
    expect(accuracy([twenty])).toBeCloseTo(0.5, 12);
    expect(accuracy([twenty], 1)).toBeCloseTo((9 + 5) / 19, 12);
    const again = runOf(['init', ...repeat(1, 11), 'failure', ...repeat('skipped', 4), 'init', ...repeat(0.2, 12)]);
    expect(accuracy([again])).toBeCloseTo((2 * 1 + 3 * 0.2) / 5, 12); // frames 10, 11 and 27 to 29
  });

  it('averages repetitions frame by frame, then pools the frames of all sequences', () => {
    const other = runOf(['init', ...repeat(1, 19)]);
    const b = runOf(['init', ...repeat(1, 9), ...repeat(0.1, 30)], { name: 'b' });
    expect(accuracy([twenty, other, b])).toBeCloseTo((10 * 0.75 + 30 * 0.1) / 40, 12);
  });

  it('counts failures, the mean of repetitions, and a 100 frames', () => {
    const failing = (name: string, frames: number, failures: number): RestartRun =>
      runOf(['init', ...repeat('failure', failures), ...repeat(1, frames - failures - 1)], { name });
    const runs = [failing('a', 100, 1), failing('a', 100, 3), failing('b', 200, 0), failing('b', 200, 2)];
    expect(scoreRestarts(runs)).toMatchObject({ failures: 3, failureRate: 1, accuracy: 1 });
    expect(() => robustness([])).toThrowError(invalid);
  });
});

describe('expected average overlap', () => {
  it('of a run without failure is the mean of its running means', () => {
    const run = runOf(['init', 0.8, 0.6, 0.4, 0.2, 0.5]);
    const expected = [0.8, 0.7, 0.6, 0.5, 0.5]; // of 2 to 6 frames
    expect(expectedAverageOverlap([run], [2, 6])).toBeCloseTo(expected.reduce((a, b) => a + b) / 5, 12);
    expect(expectedAverageOverlap([run], [3, 4])).toBeCloseTo(0.65, 12);
    expect(expectedAverageOverlap([run], [3, 400])).toBeCloseTo((0.7 + 0.6 + 0.5 + 0.5) / 4, 12); // none is longer
  });

  const failed = runOf(['init', 1, 1, 'failure', ...repeat('skipped', 4), 'init', 1, 1, 1]);
  it('pads a fragment that failed with zeros, and the last one with nothing', () => {
    // the first fragment has 2/i after i frames, the second 1 and ends after 3
    expect(expectedAverageOverlap([failed], [2, 4])).toBeCloseTo((1 + 1 + (2 / 3 + 1) / 2) / 3, 12);
    expect(expectedAverageOverlap([failed], [5, 12])).toBeCloseTo(
      [4, 5, 6, 7, 8, 9, 10, 11].reduce((sum, i) => sum + 2 / i, 0) / 8,
      12,
    );
  });

  it('takes a failure too near the end for a restart as the end', () => {
    const late = runOf(['init', 1, 1, 1, 1, 'failure', 'skipped', 'skipped']);
    // one fragment: 1, 1, 1, 1, then 0: means 4/5, 4/6, 4/7 after 5, 6, 7 frames
    expect(expectedAverageOverlap([late], [6, 8])).toBeCloseTo((4 / 5 + 4 / 6 + 4 / 7) / 3, 12);
  });

  it('does not change where every run is repeated', () => {
    const other = runOf(['init', ...repeat(0.5, 11)], { name: 'b' });
    const once = expectedAverageOverlap([failed, other], [2, 12]);
    expect(expectedAverageOverlap([failed, other, failed, other], [2, 12])).toBeCloseTo(once, 12);
  });

  it.each(Object.entries(EAO_LENGTHS))('%s: of a perfect run is 1, of one lost at once nearly 0', (_, lengths) => {
    expect(expectedAverageOverlap([runOf(['init', ...repeat(1, 399)])], lengths)).toBeCloseTo(1, 12);
    const lost = runOf(['init', 'failure', ...repeat('skipped', 398)]);
    expect(expectedAverageOverlap([lost], lengths)).toBe(0);
  });

  test('sequences that are all too short are told', () => {
    expect(() => expectedAverageOverlap([failed], EAO_LENGTHS[2018])).toThrowError(/12 frames, expected 100/);
    expect(() => expectedAverageOverlap([], [1, 2])).toThrowError(invalid);
  });
});

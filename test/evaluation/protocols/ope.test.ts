import { existsSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it, test } from 'vitest';
import { trapezoid } from '../../../src/evaluation/curves.js';
import { findProtocol } from '../../../src/evaluation/protocols/index.js';
import { OPE_PROTOCOLS } from '../../../src/evaluation/protocols/table.js';
import { readTruthFolder, type Annotated } from '../../../src/evaluation/results.js';
import type { Metrics, ScoredSequence } from '../../../src/evaluation/types.js';

type Box = readonly [number, number, number, number];

const TRUTH: Box = [100, 50, 40, 20];
const NONE: Box = [Number.NaN, Number.NaN, Number.NaN, Number.NaN];

function sequence(truth: readonly Box[], boxes: readonly Box[], more: Partial<ScoredSequence> = {}): ScoredSequence {
  return { name: 'a', truth: Float64Array.from(truth.flat()), boxes: Float64Array.from(boxes.flat()), ...more };
}

const repeat = (box: Box, n: number): Box[] => Array.from({ length: n }, () => box);
const shifted = ([x, y, w, h]: Box, dx: number, dy = 0): Box => [x + dx, y + dy, w, h];
const score = (protocol: string, ...sequences: ScoredSequence[]): Metrics =>
  findProtocol(protocol).score(sequences).metrics;

describe('a perfect run', () => {
  const run = sequence(repeat(TRUTH, 10), repeat(TRUTH, 10));
  it.each(OPE_PROTOCOLS.filter(({ name }) => !['trackingnet', 'got10k'].includes(name)).map(({ name }) => name))(
    '%s: 20/21, since no overlap lies above 1',
    (name) => {
      expect(score(name, run)['auc']).toBeCloseTo(20 / 21, 12);
      expect(score(name, run)['precision20']).toBe(1);
      expect(score(name, run)['normPrecision']).toBe(1);
    },
  );
  it('trackingnet: 0.975 by trapezoids', () => expect(score('trackingnet', run)['auc']).toBeCloseTo(0.975, 12));
  it('got10k: AO 1', () => expect(score('got10k', run)).toMatchObject({ ao: 1, sr50: 1, sr75: 1 }));
});

describe('a box shifted by a share of its width has the curve of its overlap', () => {
  it.each([0.1, 0.25, 0.5, 0.9])('%f', (share) => {
    const run = sequence(repeat(TRUTH, 8), [TRUTH, ...repeat(shifted(TRUTH, share * 40), 7)]);
    const overlap = (1 - share) / (1 + share);
    const above = Array.from({ length: 21 }, (_, i) => (overlap > i / 20 ? 1 : 0));
    const expected = above.map((value, i) => ((i < 20 ? 1 : 0) + 7 * value) / 8); // the first frame is perfect
    const { curves, metrics } = findProtocol('lasot').score([run]);
    expect(curves.success!.values).toEqual(expected);
    expect(metrics['auc']).toBeCloseTo(expected.reduce((a, b) => a + b, 0) / 21, 12);
    expect(metrics['precision20']).toBe(share * 40 <= 20 ? 1 : 1 / 8);
    expect(metrics['normPrecision']).toBe(share <= 0.2 ? 1 : 1 / 8);
    const pooled = findProtocol('got10k').score([run]).metrics; // leaves the first frame out
    expect(pooled['ao']).toBeCloseTo(overlap, 12);
  });

  it('thresholds are strict for success, and not for errors', () => {
    const half = sequence(repeat([0, 0, 20, 20], 2), repeat([0, 0, 20, 10], 2)); // overlap exactly .5
    expect(score('got10k', half)['sr50']).toBe(0);
    const twenty = sequence(repeat(TRUTH, 2), [TRUTH, shifted(TRUTH, 20)]);
    expect(score('otb', twenty)['precision20']).toBe(1);
  });
});

describe('rules that change the number, each in its direction', () => {
  const ten = repeat(TRUTH, 10);
  const half = Array.from({ length: 10 }, (_, i) => i >= 5);

  test('1. absent frames fail in lasot and pytracking, are left out by ope and got10k', () => {
    const run = sequence(ten, ten, { absent: half });
    expect(score('lasot', run)['auc']).toBeCloseTo((0.5 * 20) / 21, 12);
    expect(score('lasot-pytracking', run)['auc']).toBeCloseTo((0.5 * 20) / 21, 12);
    expect(score('ope', run)['auc']).toBeCloseTo(20 / 21, 12);
    expect(score('got10k', run)['ao']).toBe(1);
    const zeros = sequence([...repeat(TRUTH, 5), ...repeat([0, 0, 0, 0], 5)], ten, { absent: half });
    expect(score('lasot-got10k', zeros)['auc']).toBeCloseTo((0.5 * 20) / 21, 12);
    const nan = sequence([...repeat(TRUTH, 5), ...repeat(NONE, 5)], ten);
    expect(score('uav-got10k', nan)['auc']).toBeCloseTo(20 / 21, 12);
  });

  test('2. invalid truth is a hit of precision in lasot and uav, a miss in pytracking', () => {
    const run = sequence([...repeat(TRUTH, 5), ...repeat([0, 0, 0, 0], 5)], repeat(shifted(TRUTH, 500), 10));
    expect(score('lasot', run)).toMatchObject({ precision20: 0.6, normPrecision: 0.6, op50: 0.1 });
    expect(score('uav', run)).toMatchObject({ precision20: 0.5, normPrecision: 0.5, op50: 0 }); // first frame as it is
    expect(score('lasot-pytracking', run)).toMatchObject({ precision20: 0.1, normPrecision: 0.6, op50: 0.1 });
    expect(score('nfs', run)).toMatchObject({ precision20: 0.1, normPrecision: 0.6, op50: 0.1 });
    expect(score('trackingnet', run)['precision']).toBeCloseTo(0.1, 12);
    const gone = sequence([...repeat(TRUTH, 5), ...repeat(NONE, 5)], repeat(shifted(TRUTH, 500), 10));
    expect(score('uav', gone)['precision20']).toBe(0.5);
    expect(score('uav-got10k', gone)['precision20']).toBe(0.2);
  });

  test('2b. pysot asks for a positive centre where errors are taken, and for a size where overlaps are', () => {
    const left = repeat([-60, 50, 40, 20] as Box, 4); // its centre lies left of the image
    expect(score('uav', sequence(left, repeat(shifted(TRUTH, 500), 4)))).toMatchObject({ precision20: 1, op50: 0 });
    const flat = repeat([100, 50, 40, -11] as Box, 4); // has a centre, not an area
    expect(score('uav', sequence(flat, flat))).toMatchObject({ precision20: 1, op50: 0 });
    expect(score('uav', sequence(flat, repeat(shifted(TRUTH, 500), 4)))['precision20']).toBe(0);
  });

  test('3. a truth that touches x = 0 is a miss only where all four numbers must be positive', () => {
    const edge = repeat([0, 50, 40, 20] as Box, 10);
    const run = sequence(edge, edge);
    expect(score('lasot', run)['auc']).toBe(0);
    expect(score('lasot-pytracking', run)['auc']).toBe(0);
    expect(score('uav', run)['auc']).toBeCloseTo(20 / 21, 12);
    expect(score('otb', run)['auc']).toBeCloseTo(20 / 21, 12);
  });

  test('4. the form of the overlap changes nothing, rounding does', () => {
    const run = sequence(repeat([10.4, 10.4, 4, 4], 4), repeat([9.6, 9.6, 4, 4], 4));
    expect(score('trackingnet', run)['ao']).toBe(1); // both round to 10, 10, 4, 4
    expect(score('otb', run)['ao']).toBeLessThan(0.75);
    const half = sequence(repeat([0, 0, 10, 10], 4), repeat([0.5, 1.5, 10, 10], 4)); // halves round to the even 0 and 2
    expect(score('trackingnet', half)['ao']).toBeCloseTo((1 + 3 * (80 / 120)) / 4, 12);
    const inclusive = (3.2 * 3.2) / (2 * 16 - 3.2 * 3.2); // (r - l + 1) with r = x + w - 1 is w again
    expect(score('uav', run)['ao']).toBeCloseTo(inclusive, 12);
    expect(score('otb', sequence(repeat([0, 0, 0, 0], 3), repeat([0, 0, 0, 0], 3)))['ao']).toBe(0); // 0/0
  });

  test('5. only got10k clips to the image', () => {
    const size = { width: 200, height: 100 };
    const [right, inside] = [repeat([180, 0, 40, 20] as Box, 3), repeat([180, 0, 20, 20] as Box, 3)];
    const run = sequence(right, inside, { size });
    expect(score('got10k', run)['ao']).toBe(1);
    expect(score('got10k', sequence(right, inside))['ao']).toBe(0.5); // the size is not known
    expect(score('otb', run)['ao']).toBeCloseTo((1 + 2 * 0.5) / 3, 12);
    // the toolkit moves the left edge into the image and keeps the width
    const left = sequence(repeat([-20, 0, 40, 20], 3), repeat([0, 0, 20, 20], 3), { size });
    expect(score('got10k', left)['ao']).toBe(0.5);
  });

  test('6. the first frame is forced, left out, or taken as it is', () => {
    const run = sequence(repeat(TRUTH, 2), [shifted(TRUTH, 500), TRUTH]);
    expect(score('lasot', run)['op50']).toBe(1);
    expect(score('got10k', run)['ao']).toBe(1);
    expect(score('uav', run)['op50']).toBe(0.5);
    const lost = sequence(repeat(TRUTH, 2), [TRUTH, shifted(TRUTH, 500)]);
    expect(score('got10k', lost)['ao']).toBe(0);
    expect(score('lasot', lost)['op50']).toBe(0.5);
  });

  test('7. AUC is a mean of 21 points, a trapezoid, or the mean overlap', () => {
    const values = [1, ...Array.from({ length: 19 }, () => 0.5), 0];
    expect(trapezoid(values)).toBeCloseTo((19 * 0.5 + 0.5) / 20, 12);
    const run = sequence(repeat(TRUTH, 3), repeat(TRUTH, 3));
    const heads = ['lasot', 'trackingnet', 'got10k'].map((name) => score(name, run)[findProtocol(name).headline]);
    expect(heads[0]).toBeLessThan(heads[1]!);
    expect(heads[1]).toBeLessThan(heads[2]!);
  });

  test('8. normalised precision at .2, as a mean, as a trapezoid', () => {
    const run = sequence(repeat(TRUTH, 2), repeat(shifted(TRUTH, 12), 2)); // error .3 of the width in the second frame
    expect(score('lasot', run)['normPrecision']).toBe(0.5);
    expect(score('lasot-got10k', run)['normPrecision']).toBeCloseTo((51 + 21) / 102, 12);
    expect(score('trackingnet', run)['normPrecision']).toBeCloseTo(0.5 + 0.5 * (8.5 / 20), 12); // 9 of 21 pass
    const thin = sequence(repeat([100, 50, 0.5, 20], 2), repeat([100.25, 50, 0.5, 20], 2)); // half its width, a quarter pixel
    expect(score('otb', thin)['normPrecision']).toBe(0.5);
    expect(score('lasot-got10k', thin)['normPrecision']).toBeCloseTo((51 + 26) / 102, 12);
  });

  test('9. precision at 20 pixels or as an area', () => {
    const run = sequence(repeat(TRUTH, 2), repeat(shifted(TRUTH, 25), 2));
    expect(score('otb', run)['precision20']).toBe(0.5);
    expect(score('trackingnet', run)['precision']).toBeCloseTo(0.5 + 0.5 * (10.5 / 20), 12); // 11 of 21 pass
  });

  test('10. sequences without any success leave the mean of lasot only', () => {
    const good = sequence(ten, ten);
    const absent = sequence(ten, ten, { name: 'b', absent: ten.map(() => true) });
    expect(score('lasot', good, absent)['auc']).toBeCloseTo(20 / 21, 12);
    expect(score('lasot-pytracking', good, absent)['auc']).toBeCloseTo(10 / 21, 12);
  });

  test('11. got10k pools frames, others average sequences', () => {
    const short = sequence(repeat(TRUTH, 2), repeat(TRUTH, 2));
    const long = sequence(repeat(TRUTH, 10), [TRUTH, ...repeat(shifted(TRUTH, 500), 9)], { name: 'b' });
    expect(score('got10k', short, long)['ao']).toBeCloseTo(1 / 10, 12);
    expect(score('otb', short, long)['ao']).toBeCloseTo((1 + 0.1) / 2, 12);
  });

  test('12. missing frames are cut or fail; frames too many are cut', () => {
    const short = sequence(ten, repeat(TRUTH, 5));
    expect(score('otb', short)['op50']).toBe(1);
    expect(score('lasot', short)['op50']).toBe(0.5);
    expect(score('lasot-pytracking', short)['op50']).toBe(0.5);
    expect(score('ope', short)['op50']).toBe(0.5);
    for (const { name } of OPE_PROTOCOLS) {
      const run = sequence(ten, [...ten, ...repeat(shifted(TRUTH, 500), 5)]);
      expect(score(name, run)['ao'], name).toBe(1);
    }
  });

  test('13. invalid predictions are replaced by the one before, or fail', () => {
    const empty = sequence(ten, [TRUTH, ...repeat([5, 5, 0, 0], 9)]);
    expect(score('lasot', empty)['op50']).toBe(1);
    expect(score('lasot-pytracking', empty)['op50']).toBe(1);
    expect(score('otb', empty)['op50']).toBeCloseTo(0.1, 12);
    const wrongFirst = sequence(ten, [shifted(TRUTH, 500), ...repeat([5, 5, 0, 0], 9)]);
    expect(score('lasot', wrongFirst)['op50']).toBe(0.1); // what is repeated is the file's first box, not the truth
    const gap = sequence([TRUTH, TRUTH, NONE, TRUTH], [TRUTH, TRUTH, ...repeat([5, 5, 0, 0] as Box, 2)]);
    expect(score('lasot', gap)['op50']).toBe(0.5); // where the truth is NaN it stays, and is what the next frame repeats
    const nan = sequence(ten, [TRUTH, ...repeat(NONE, 9)]);
    expect(score('lasot', nan)['op50']).toBe(1);
    expect(score('lasot-pytracking', nan)['op50']).toBeCloseTo(0.1, 12);
    expect(score('otb', nan)['precision20']).toBeCloseTo(0.1, 12);
  });

  test("14. frames that a set skips at the start, and a base of 1, are the caller's: a base of 1 in one file only costs overlap", () => {
    const based = sequence(repeat(TRUTH, 3), repeat(shifted(TRUTH, 1, 1), 3));
    expect(score('otb', based)['ao']).toBeCloseTo((1 + 2 * ((39 * 19) / (1600 - 39 * 19))) / 3, 12);
    const range = sequence([shifted(TRUTH, 500), ...repeat(TRUTH, 9)], repeat(TRUTH, 10));
    const cut = sequence(repeat(TRUTH, 9), repeat(TRUTH, 9));
    expect(score('uav', range)['op50']).toBe(0.9);
    expect(score('uav', cut)['op50']).toBe(1);
  });

  test('15. results cut to whole pixels lose overlap', () => {
    const truth: Box = [10.7, 10.7, 8.7, 8.7];
    const cut = truth.map(Math.trunc) as unknown as Box;
    expect(score('otb', sequence(repeat(truth, 3), repeat(cut, 3)))['ao']).toBeLessThan(0.9);
  });
});

test('an unknown protocol is told with those that are known', () => {
  expect(() => findProtocol('lasott')).toThrowError(expect.objectContaining({ code: 'OPTION_INVALID' }));
  expect(() => findProtocol('lasott')).toThrowError(/lasot-pytracking/);
});

test('nothing to score is an error, not NaN', () => {
  expect(() => findProtocol('otb').score([])).toThrowError(expect.objectContaining({ code: 'DATA_INVALID' }));
});

test.each(OPE_PROTOCOLS.map(({ name }) => name))('%s: a set whose truth ends with the first box is refused', (name) => {
  const hidden = sequence([TRUTH, NONE, NONE], repeat(TRUTH, 3), { name: 'hidden' });
  expect(() => score(name, hidden)).toThrowError(/hidden/);
});

/** A folder with lasot-annotations/SEQ.txt and lasot-annotations/absent/SEQ.txt of the 280 test sequences. */
const annotations = path.join(process.env['EBM_TRACKER_DATA'] ?? '../shared/data', 'lasot-annotations');

describe.skipIf(!existsSync(annotations))(
  'the 280 annotations of LaSOT as predictions (skipped without EBM_TRACKER_DATA)',
  () => {
    let truth: Annotated[];
    beforeAll(async () => {
      truth = await readTruthFolder(annotations, path.join(annotations, 'absent'));
    });
    it.each([
      ['lasot', { auc: 92.74, precision20: 97.38, normPrecision: 97.38 }],
      ['lasot-pytracking', { auc: 92.74, precision20: 97.38 }],
      ['lasot-got10k', { auc: 93.84 }],
      ['ope', { auc: 95.24, precision20: 100 }],
      ['trackingnet', { success: 96.07 }], // zero boxes overlap with nothing, themselves included
    ])('%s', (name, expected) => {
      const { metrics } = findProtocol(name).score(truth.map((one) => ({ ...one, boxes: one.truth })));
      expect(truth).toHaveLength(280);
      for (const [key, value] of Object.entries(expected)) expect(100 * metrics[key]!).toBeCloseTo(value, 2);
    });
  },
);

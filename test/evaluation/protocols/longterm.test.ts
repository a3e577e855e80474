import { describe, expect, it } from 'vitest';
import { confidenceThresholds, LONGTERM, precisionRecall } from '../../../src/evaluation/protocols/longterm.js';
import type { ScoredSequence } from '../../../src/evaluation/types.js';

const BOX = [10, 10, 20, 20];
const AWAY = [200, 200, 20, 20];
const NONE = [Number.NaN, Number.NaN, Number.NaN, Number.NaN];

function sequence(
  truth: readonly (readonly number[])[],
  boxes: readonly (readonly number[])[],
  confidence?: readonly number[],
  more: Partial<ScoredSequence> = {},
): ScoredSequence {
  return {
    name: 'a',
    truth: Float64Array.from(truth.flat()),
    boxes: Float64Array.from(boxes.flat()),
    ...(confidence && { confidence: Float64Array.from(confidence) }),
    ...more,
  };
}
const repeat = <T>(value: T, n: number): T[] => Array.from({ length: n }, () => value);
const f = (p: number, r: number): number => (2 * p * r) / (p + r);

describe('longterm', () => {
  it('a perfect run lacks the first frame in its recall', () => {
    const { metrics } = LONGTERM.score([sequence(repeat(BOX, 5), repeat(BOX, 5), repeat(0.9, 5))]);
    expect(metrics).toEqual({ precision: 1, recall: 0.8, f: f(1, 0.8) });
  });

  const truth = [BOX, BOX, BOX, NONE, NONE, BOX];
  it('confidence that falls when the target is gone lifts precision', () => {
    const sure = LONGTERM.score([sequence(truth, repeat(BOX, 6))]).metrics;
    expect(sure['precision']).toBeCloseTo(3 / 5, 12);
    expect(sure['recall']).toBeCloseTo(3 / 4, 12);
    expect(sure['f']).toBeCloseTo(f(0.6, 0.75), 12);
    const honest = LONGTERM.score([sequence(truth, repeat(BOX, 6), [1, 0.9, 0.8, 0.1, 0.2, 0.7])]).metrics;
    expect(honest['precision']).toBe(1);
    expect(honest['recall']).toBe(0.75);
  });

  it('absent flags and boxes without area say the same as NaN', () => {
    const expected = LONGTERM.score([sequence(truth, repeat(BOX, 6))]).metrics;
    const flags = [false, false, false, true, true, false];
    expect(LONGTERM.score([sequence(repeat(BOX, 6), repeat(BOX, 6), undefined, { absent: flags })]).metrics).toEqual(
      expected,
    );
    const zero = truth.map((box) => (box === NONE ? [0, 0, 0, 0] : box));
    expect(LONGTERM.score([sequence(zero, repeat(BOX, 6))]).metrics).toEqual(expected);
  });

  it('takes the threshold with the best F: sure misses cost, doubtful ones do not', () => {
    const boxes = [BOX, BOX, BOX, AWAY, BOX];
    const doubtful = sequence(repeat(BOX, 5), boxes, [1, 0.9, 0.9, 0.1, 0.5]);
    expect(LONGTERM.score([doubtful]).metrics).toEqual({ precision: 1, recall: 3 / 5, f: f(1, 3 / 5) });
    const sure = sequence(repeat(BOX, 5), boxes, [1, 0.5, 0.5, 0.9, 0.4]);
    expect(LONGTERM.score([sure]).metrics).toEqual({ precision: 3 / 4, recall: 3 / 5, f: f(3 / 4, 3 / 5) });
  });

  it('averages precision and recall over sequences before F', () => {
    const good = sequence(repeat(BOX, 5), repeat(BOX, 5));
    const bad = sequence(repeat(BOX, 5), [BOX, BOX, AWAY, AWAY, AWAY], undefined, { name: 'b' });
    const [p, r] = [(1 + 1 / 4) / 2, (4 / 5 + 1 / 5) / 2];
    const { metrics, sequences } = LONGTERM.score([good, bad]);
    expect(metrics['precision']).toBeCloseTo(p, 12);
    expect(metrics['recall']).toBeCloseTo(r, 12);
    expect(metrics['f']).toBeCloseTo(f(p, r), 12);
    expect(sequences[1]!.metrics['f']).toBeCloseTo(f(1 / 4, 1 / 5), 12);
  });

  it('frames that were not answered are not reported, and lower the recall', () => {
    const { metrics } = LONGTERM.score([sequence(repeat(BOX, 5), repeat(BOX, 3))]);
    expect(metrics).toMatchObject({ precision: 1, recall: 2 / 5 });
  });

  it('has a precision that falls with the threshold where confidence is honest, and a recall that rises', () => {
    const n = 200;
    const boxes = Array.from({ length: n }, (_, i) => [10 + i / 10, 10, 20, 20]);
    const confidence = Array.from({ length: n }, (_, i) => 1 - i / n);
    const { whole } = precisionRecall([sequence(repeat(BOX, n), boxes, confidence)]);
    expect(whole.thresholds).toHaveLength(100);
    for (let k = 1; k < 100; k++) {
      expect(whole.precision[k]).toBeLessThanOrEqual(whole.precision[k - 1]! + 1e-12);
      expect(whole.recall[k]).toBeGreaterThanOrEqual(whole.recall[k - 1]!);
    }
    expect([whole.precision[0], whole.recall[0]]).toEqual([1, 0]);
  });

  it('at minus infinity leaves out frames without any confidence', () => {
    const { whole } = precisionRecall([sequence(repeat(BOX, 5), repeat(BOX, 5), [1, 0.5, 0.5, 0, 0])]);
    expect(whole.recall.slice(-2)).toEqual([4 / 5, 2 / 5]); // the lowest threshold above is 0
  });

  it('needs confidence of all sequences or of none', () => {
    const run = sequence(repeat(BOX, 3), repeat(BOX, 3), [1, 1, 1]);
    const without = sequence(repeat(BOX, 3), repeat(BOX, 3), undefined, { name: 'silent' });
    expect(() => LONGTERM.score([run, without])).toThrowError(/silent/);
    expect(() => LONGTERM.score([])).toThrowError(expect.objectContaining({ code: 'DATA_INVALID' }));
  });
});

describe('thresholds of confidence', () => {
  it('are 98 quantiles between the infinities, falling', () => {
    const values = Array.from({ length: 196 }, (_, i) => i);
    const thresholds = confidenceThresholds(values);
    expect(thresholds).toHaveLength(100);
    expect(thresholds.at(0)).toBe(Infinity);
    expect(thresholds.at(-1)).toBe(-Infinity);
    // two values a step are left out at each end: indices 1, 1 + 193/97, ... 194
    expect([thresholds[98], thresholds[97], thresholds[1]]).toEqual([1, 3, 194]);
    expect(thresholds).toEqual(thresholds.toSorted((a, b) => b - a));
  });

  it('of few values are those values', () => {
    expect(new Set(confidenceThresholds([3, 1, 2]))).toEqual(new Set([Infinity, 3, 2, 1, -Infinity]));
  });
});

/** Paired comparison of two trackers: groups count once, and a change is kept for two standard errors. */
import { expect, test } from 'vitest';
import { compare, decide, type PairedScore } from '../../../benchmarks/val/paired.js';

const score = (sequence: string, origin: string, group: string, auc: number, seed = 11): PairedScore => ({
  sequence,
  origin,
  group,
  seed,
  auc,
  op50: auc,
  op75: auc,
});

test('a group of many clips counts as one, seeds are averaged, and sequences of one side only are left out', () => {
  const a = [
    score('film1', 'X', 'film', 0.5, 11),
    score('film1', 'X', 'film', 0.7, 12),
    score('film2', 'X', 'film', 0.4),
    score('other', 'X', 'other', 0.8),
    score('alone', 'X', 'alone', 0.9),
  ];
  const b = [score('film1', 'X', 'film', 0.7), score('film2', 'X', 'film', 0.5), score('other', 'X', 'other', 0.7)];
  const [line, all] = compare(a, b);
  expect(line).toMatchObject({ origin: 'X', groups: 2, sequences: 3 });
  const { auc } = all!.figures;
  expect(auc.a).toBeCloseTo((0.5 + 0.8) / 2, 12);
  expect(auc.b).toBeCloseTo((0.6 + 0.7) / 2, 12);
  // gains of +.1 and -.1: deviation sqrt(.02 / 1), error that over sqrt(2)
  expect(auc.gain).toBeCloseTo(0, 12);
  expect(auc.error).toBeCloseTo(0.1, 12);
});

test('kept: a gain of two errors; not kept: less, or an origin that loses by two of its own', () => {
  const side = (gains: Record<string, number[]>, base: number): PairedScore[] =>
    Object.entries(gains).flatMap(([origin, list]) =>
      list.map((gain, i) => score(`${origin}${i}`, origin, `g${i}`, base + gain)),
    );
  const zero = { X: [0, 0, 0, 0], Y: [0, 0, 0] };
  const decision = (gains: Record<string, number[]>) => decide(compare(side(zero, 0.5), side(gains, 0.5)));
  expect(decision({ X: [0.1, 0.12, 0.09, 0.11], Y: [0.01, 0.02, 0.0] }).kept).toBe(true);
  expect(decision({ X: [0.1, -0.12, 0.09, -0.05], Y: [0.01, 0.02, 0.0] }).kept).toBe(false);
  const losing = decision({ X: [0.2, 0.22, 0.19, 0.21], Y: [-0.01, -0.012, -0.009] });
  expect(losing.kept).toBe(false);
  expect(losing.reason).toContain('Y');
});

test('nothing in common gives no line', () => {
  expect(compare([score('a', 'X', 'a', 0.5)], [score('b', 'X', 'b', 0.5)])).toEqual([]);
});

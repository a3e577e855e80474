/** The figures of the built cases, on made-up runs. */
import { expect, test } from 'vitest';
import { scoreCases, type CaseTrace, type Moment } from '../../../benchmarks/built/score.js';
import { markdownOf, scoresByKind } from '../../../benchmarks/built/report.js';
import type { Kind } from '../../../benchmarks/built/case.js';
import type { TrackState } from '../../../src/result.js';

type Part = [truth: Moment['truth'], count: number, state: TrackState, confidence: number, overlap: number];

const trace = (parts: readonly Part[], kind: Kind = 'cut'): CaseTrace => ({
  name: 'made up',
  kind,
  seed: 1,
  moments: parts.flatMap(([truth, count, state, confidence, overlap]) =>
    Array.from({ length: count }, () => ({ truth, state, confidence, overlap })),
  ),
});

test('a run without a fault', () => {
  const scores = scoreCases([
    trace([
      ['present', 20, 'tracking', 1, 0.9],
      ['unscored', 4, 'tracking', 0.6, 0],
      ['absent', 5, 'uncertain', 0.2, 0],
      ['absent', 15, 'lost', 0, 0],
      ['unscored', 3, 'lost', 0.2, 0],
      ['present', 1, 'found', 1, 0.9],
      ['present', 39, 'tracking', 1, 0.9],
    ]),
  ]);
  expect(scores).toMatchObject({
    cases: 1,
    frames: 87,
    areaUnderRoc: 1,
    flaggedLost: { of: 1, count: 1 },
    foundAgain: { of: 1, count: 1 },
    falselyFound: { of: 15, count: 0 },
    sureWhileGone: { of: 20, count: 0 },
  });
  // thresholds 0 .. 0.85 lie below 0.9: 18 of 21
  expect(scores.auc).toBeCloseTo(18 / 21, 10);
});

test('`lost` after the tenth frame, and a return after the thirtieth, are too late', () => {
  const scores = scoreCases([
    trace([
      ['present', 20, 'tracking', 1, 0.9],
      ['absent', 10, 'tracking', 0.9, 0],
      ['absent', 10, 'lost', 0, 0],
      ['present', 30, 'lost', 0, 0],
      ['present', 10, 'tracking', 1, 0.9],
    ]),
  ]);
  expect(scores.flaggedLost).toEqual({ of: 1, count: 0 });
  expect(scores.foundAgain).toEqual({ of: 1, count: 0 });
  expect(scores.sureWhileGone).toEqual({ of: 20, count: 10 });
});

test('`found` counts as false on background only, and only of frames that come after a lost one', () => {
  const scores = scoreCases([
    trace([
      ['absent', 10, 'lost', 0, 0],
      ['absent', 1, 'found', 0.6, 0],
      ['absent', 3, 'tracking', 0.6, 0],
      ['present', 2, 'lost', 0, 0],
      ['present', 1, 'found', 0.9, 0.4],
    ]),
  ]);
  expect(scores.falselyFound).toEqual({ of: 12, count: 1 });
});

test('a disappearance of fewer than ten frames is none that has to be noticed', () => {
  const scores = scoreCases([
    trace([
      ['present', 5, 'tracking', 1, 0.9],
      ['absent', 9, 'tracking', 1, 0],
      ['present', 5, 'tracking', 1, 0.9],
    ]),
  ]);
  expect(scores.flaggedLost).toEqual({ of: 0, count: 0 });
  expect(scores.foundAgain).toEqual({ of: 1, count: 1 });
});

test('cases count alike in what is said of the confidence, however long they are', () => {
  const scores = scoreCases([
    trace([['present', 10, 'tracking', 0.95, 0.9]]),
    trace([['present', 1000, 'tracking', 0.95, 0.1]]),
  ]);
  expect(scores.calibrationError).toBeCloseTo(0.45, 10);
});

test('the table has a row for each kind that was run, and one for all', () => {
  const moments: Part[] = [
    ['present', 10, 'tracking', 0.9, 0.8],
    ['absent', 10, 'lost', 0.1, 0],
  ];
  const scores = scoresByKind([trace(moments, 'leave'), trace(moments, 'cover 30')]);
  expect(Object.keys(scores)).toEqual(['cover 30', 'leave', 'all']);
  const text = markdownOf({
    command: 'npm run bench -- built',
    config: {},
    configHash: 'c0ffee',
    weights: 'f'.repeat(64),
    versions: {},
    split: 'val',
    caseSeed: 1,
    seeds: [11],
    scores,
    cases: [],
  });
  const rows = text.split('\n').filter((line) => line.startsWith('|'));
  expect(rows).toHaveLength(5);
  expect(new Set(rows.map((row) => row.length)).size).toBe(1);
  expect(rows.at(-1)).toMatch(/^\| all .* 100% of 2 /);
});

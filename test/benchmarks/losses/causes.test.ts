/** Causes of loss, on made-up runs: an object of 40 x 40 that stands in a frame of 400 x 300 unless it is said otherwise. */
import { expect, test } from 'vitest';
import { BEST_AUC, CAUSES, lossByCause, lossesOf, type Cause, type Trace } from '../../../benchmarks/losses/causes.js';
import { chooseFrames } from '../../../benchmarks/losses/sheet.js';
import type { FrameBox } from '../../../src/geometry.js';

const HOME: FrameBox = { x: 180, y: 130, w: 40, h: 40 };
const FRAME = { width: 400, height: 300 };

const repeat = <T>(count: number, make: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i));
const shifted = (dx: number, box = HOME): FrameBox => ({ ...box, x: box.x + dx });

/** Boxes of the tracker against truth; the object stands still where no truth is given. */
const traceOf = (boxes: FrameBox[], truth: Trace['truth'] = boxes.map(() => HOME)): Trace => ({
  boxes,
  truth,
  frame: FRAME,
});
const causesIn = (trace: Trace): Set<Cause> =>
  new Set(
    lossesOf(trace)
      .filter(({ overlap }) => overlap <= 0.5)
      .map(({ cause }) => cause),
  );

test('boxes that are right lose nothing, and boxes that nearly are lose by what is inexact', () => {
  const right = lossByCause(lossesOf(traceOf(repeat(10, () => HOME))));
  for (const cause of CAUSES) expect(right[cause]).toBe(0);
  const aside = lossByCause(lossesOf(traceOf(repeat(10, () => shifted(8)))));
  expect(aside['inexact place']).toBeGreaterThan(0.2);
  const large = lossByCause(lossesOf(traceOf(repeat(10, () => ({ x: 176, y: 126, w: 48, h: 48 })))));
  expect(large['inexact size']).toBeGreaterThan(0.2);
  for (const cause of CAUSES.slice(1)) expect(large[cause]).toBe(0);
});

test('a box that leaves for another place at once has jumped', () => {
  const trace = traceOf([...repeat(20, () => HOME), ...repeat(10, () => shifted(100)), ...repeat(5, () => HOME)]);
  expect(causesIn(trace)).toEqual(new Set(['jumped']));
  expect(lossByCause(lossesOf(trace)).jumped).toBeCloseTo((10 / 35) * BEST_AUC, 10);
});

test('a box that wanders off has drifted', () => {
  const trace = traceOf([...repeat(20, () => HOME), ...repeat(20, (i) => shifted(3 * i)), HOME]);
  expect(causesIn(trace)).toEqual(new Set(['drifted']));
});

test('an object that leaves a box behind was not jumped away from', () => {
  const truth = [...repeat(20, () => HOME), ...repeat(10, () => shifted(100)), HOME];
  const trace = traceOf(
    truth.map(() => HOME),
    truth,
  );
  expect(causesIn(trace)).toEqual(new Set(['drifted']));
});

test('a box about the right place that is far too large, or too small, is of the wrong size', () => {
  const large = { x: 150, y: 105, w: 100, h: 90 };
  const small = { x: 192, y: 140, w: 18, h: 20 };
  for (const box of [large, small]) {
    const trace = traceOf([...repeat(20, () => HOME), ...repeat(10, () => box), HOME]);
    expect(causesIn(trace)).toEqual(new Set(['wrong size']));
  }
});

test('what is lost after the object was away, or stood at the border, is lost to the view', () => {
  const away = [...repeat(20, () => HOME), ...repeat(15, () => undefined), ...repeat(6, () => shifted(120)), HOME];
  const returned = traceOf(
    away.map(() => HOME),
    away,
  );
  expect(causesIn(returned)).toEqual(new Set(['out of view']));
  const edge = { ...HOME, x: 0 };
  const atBorder = traceOf(
    [...repeat(20, () => edge), ...repeat(10, () => shifted(100, edge)), edge],
    repeat(31, () => edge),
  );
  expect(causesIn(atBorder)).toEqual(new Set(['out of view']));
});

test('an episode that lasts to the end was never recovered, from its 31st frame on', () => {
  const trace = traceOf([...repeat(20, () => HOME), ...repeat(80, () => shifted(100))]);
  const lost = lossByCause(lossesOf(trace));
  expect(lost.jumped).toBeCloseTo(0.3 * BEST_AUC, 10);
  expect(lost['never recovered']).toBeCloseTo(0.5 * BEST_AUC, 10);
});

test('the causes add up to what is missing from the best AUC; frames without truth count for nothing', () => {
  const boxes = [...repeat(30, (i) => shifted(i)), ...repeat(30, () => shifted(90)), ...repeat(30, () => HOME)];
  const truth = boxes.map((_, i) => (i % 7 === 3 ? undefined : HOME));
  const losses = lossesOf(traceOf(boxes, truth));
  expect(losses).toHaveLength(truth.filter(Boolean).length);
  const thresholds = repeat(21, (i) => i / 20);
  const auc =
    losses.reduce((sum, { overlap }) => sum + thresholds.filter((threshold) => overlap > threshold).length / 21, 0) /
    losses.length;
  const total = CAUSES.reduce((sum, cause) => sum + lossByCause(losses)[cause], 0);
  expect(total + auc).toBeCloseTo(BEST_AUC, 10);
});

test('a sheet shows frames at even distances and those in which something went wrong', () => {
  const trace = traceOf([...repeat(101, () => HOME), ...repeat(10, () => shifted(100)), ...repeat(209, () => HOME)]);
  const chosen = chooseFrames(lossesOf(trace)).map(({ index }) => index);
  expect(chosen).toContain(101);
  expect(chosen).toEqual(expect.arrayContaining([0, 100, 200, 300]));
  expect(chosen.length).toBeLessThanOrEqual(40);
});

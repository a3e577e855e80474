import { describe, expect, it } from 'vitest';
import type { Estimate } from '../../src/ebm/estimate.js';
import { cropBox, searchRegion, type FrameBox } from '../../src/geometry.js';
import { parseConfig } from '../../src/node/open.js';
import { isLearned, judge, nextState } from '../../src/tracker/judge.js';
import type { Location } from '../../src/tracker/locate.js';
import { AT_REST } from '../../src/tracker/motion.js';
import type { Search } from '../../src/tracker/search.js';
import type { ObjectState } from '../../src/tracker/track.js';

const CONFIG = parseConfig({});
const FRAME = { width: 400, height: 300 };
const LAST: FrameBox = { x: 100, y: 100, w: 40, h: 30 };
/** Confidence by the response alone: 2 r - 1 is the first input. */
const MODEL = { bias: 0, weights: [10] };

const object = (changed: Partial<ObjectState> = {}): ObjectState => ({
  box: LAST,
  frame: 5,
  state: 'tracking',
  confidence: 0.9,
  lostFor: 0,
  velocity: AT_REST,
  inputs: undefined,
  firstHeight: 10,
  ...changed,
});

const search = (about: FrameBox = LAST, elsewhere = false): Search => ({
  about,
  elsewhere,
  region: searchRegion(about, 4, 288),
});

/** The box is found `dx` of its width to the right of where it was searched, with this response there. */
function location(response: number, dx = 0, best = 10): Location {
  const side = 288 / 4;
  const base = cropBox(144, 144, side * Math.sqrt(4 / 3), side * Math.sqrt(3 / 4));
  const scores = new Float32Array(18 * 18).fill(response);
  const estimate = { sigma: new Float64Array(4), effectiveShare: 0.5, best, logZ: 1 } as unknown as Estimate;
  const proposal = { logits: new Float32Array(1), means: new Float32Array(4), logSigmas: new Float32Array(4) };
  const box = { ...base, cx: base.cx + dx * base.w };
  return { base, response: { scores, axis: { cells: 18, stride: 16, offset: 8 } }, proposal, estimate, box };
}

describe('judge', () => {
  it('moves to the located box where the object responds, and counts the frame', () => {
    const { object: next, learned } = judge(object(), FRAME, search(), location(0.9, 0.25), MODEL, CONFIG);
    expect(next.box.x).toBeCloseTo(110, 4);
    expect(next).toMatchObject({ frame: 6, state: 'tracking', lostFor: 0, firstHeight: 10 });
    expect(next.confidence).toBeCloseTo(1 / (1 + Math.exp(-8)), 6);
    expect(next.velocity.x).toBeGreaterThan(0);
    expect(learned).toBe(true); // the sixth frame
  });

  it('holds the box below holdBelow, and counts how long it has been lost', () => {
    const { object: next, learned } = judge(object(), FRAME, search(), location(0.1, 0.25), MODEL, CONFIG);
    expect(next.box).toEqual(LAST);
    expect(next).toMatchObject({ state: 'lost', lostFor: 1 });
    expect(judge(next, FRAME, search(), location(0.1), MODEL, CONFIG).object.lostFor).toBe(2);
    expect(learned).toBe(false);
  });

  it('lets what moved steadily go on while it is not seen', () => {
    const moving = object({ velocity: { x: 5, y: -2, unsteady: 0.5 } });
    const { object: next } = judge(moving, FRAME, search(), location(0.1), MODEL, CONFIG);
    expect([next.box.x, next.box.y]).toEqual([105, 98]);
  });

  it('looks elsewhere: below foundAbove nothing changes, above it the object is found there', () => {
    const lost = object({ state: 'lost', confidence: 0.1, lostFor: 20, inputs: [-1, 0, 0, 0, 0, 0] });
    const there = { ...LAST, x: 300 };
    const missed = judge(lost, FRAME, search(there, true), location(0.6), MODEL, {
      ...CONFIG,
      redetect: { ...CONFIG.redetect, foundAbove: 0.95 },
    });
    expect(missed.object).toEqual({ ...lost, frame: 6, lostFor: 21 });
    const found = judge(lost, FRAME, search(there, true), location(0.9), MODEL, CONFIG);
    expect(found.object).toMatchObject({ state: 'found', lostFor: 0, velocity: AT_REST });
    expect(found.object.box.x).toBeCloseTo(300, 4);
    // what was seen at the last place does not count there
    expect(found.inputs[0]).toBeCloseTo(0.8, 6);
  });

  it('measures heights by the first update, and by 5 where that is less', () => {
    const first = object({ firstHeight: undefined });
    expect(judge(first, FRAME, search(), location(1, 0, 8), MODEL, CONFIG)).toMatchObject({
      object: { firstHeight: 8 },
      evidence: { height: 1 },
    });
    expect(judge(first, FRAME, search(), location(1, 0, 2), MODEL, CONFIG)).toMatchObject({
      object: { firstHeight: 5 },
      evidence: { height: 0.4 },
    });
  });

  it('remembers no inputs that are not finite', () => {
    const known = object({ inputs: [0, 0, 0, 0, 0, 0] });
    const { object: next } = judge(known, FRAME, search(), location(1, 0, Number.NaN), MODEL, CONFIG);
    expect(next.inputs).toEqual(known.inputs);
  });
});

it('states: lost stays lost until it is sure, and then is found for one frame', () => {
  const states = [0.9, 0.4, 0.2, 0.4, 0.6, 0.4, 0.9].reduce<ReturnType<typeof nextState>[]>(
    (list, confidence) => [...list, nextState(list.at(-1) ?? 'tracking', confidence)],
    [],
  );
  expect(states).toEqual(['tracking', 'uncertain', 'lost', 'lost', 'found', 'uncertain', 'tracking']);
  expect(nextState('tracking', 0)).toBe('lost');
});

it('only what is tracked is learned, each sixth frame, where it is like the first', () => {
  const rules = { learnAbove: 0.35, learnEvery: 6 };
  const states = ['tracking', 'found', 'uncertain', 'lost'] as const;
  expect(states.map((state) => isLearned(state, 0.8, 12, rules))).toEqual([true, true, false, false]);
  expect(isLearned('tracking', 0.8, 13, rules)).toBe(false);
  expect(isLearned('tracking', 0.3, 12, rules)).toBe(false);
});

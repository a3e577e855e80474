import { describe, expect, it } from 'vitest';
import { createEstimate, createProgressLine, paceText } from '../../src/cli/progress.js';
import { createRunProgress } from '../../src/cli/run-progress.js';
import { createTrackProgress } from '../../src/cli/track-progress.js';
import { createTrainingWatch } from '../../src/cli/training-progress.js';
import type { TrainingProgress } from '../../src/training/loop.js';
import { createTestTerminal } from '../helpers/terminal.js';

const CLEAR = '\r\u001B[K';

describe('createProgressLine', () => {
  it('is written over on a terminal, ten times a second at most', () => {
    const { stderr, err } = createTestTerminal({ isTTY: true });
    let now = 0;
    const line = createProgressLine(stderr, { now: () => now });
    while (now < 1000) {
      now += 1;
      line.move(() => `at ${now}`);
    }
    line.end();
    expect(err().split(CLEAR).slice(1)).toEqual([...Array.from({ length: 10 }, (_, i) => `at ${100 * (i + 1)}`), '']);
  });

  it('is a line each half minute elsewhere', () => {
    const { stderr, err } = createTestTerminal();
    let now = 0;
    const line = createProgressLine(stderr, { now: () => now });
    while (now < 70_000) {
      now += 1000;
      line.move(() => `at ${now}`);
    }
    line.end();
    expect(err()).toBe('at 30000\nat 60000\n');
  });

  it('is no longer than the terminal is wide', () => {
    const terminal = createTestTerminal({ isTTY: true });
    let now = 0;
    const line = createProgressLine(Object.assign(terminal.stderr, { columns: 20 }), { now: () => now });
    now = 1000;
    line.move(() => 'x'.repeat(50));
    expect(terminal.err()).toBe(`${CLEAR}${'x'.repeat(19)}`);
  });

  it('is silent when asked to be quiet', () => {
    const { stderr, err } = createTestTerminal({ isTTY: true });
    let now = 0;
    const line = createProgressLine(stderr, { quiet: true, now: () => now });
    now = 1e6;
    line.move(() => 'moving');
    line.say('stays');
    line.end();
    expect(err()).toBe('');
  });
});

it.each([
  [{ done: 10, total: 100, rate: '5.0 fps', secondsLeft: 18 }, '10/100, 5.0 fps, 0:18 left'],
  [{ done: 10, rate: '5.0 fps' }, '10, 5.0 fps'],
  [{ done: 1, total: 2, secondsLeft: 3683 }, '1/2, 1:01:23 left'],
  [{ done: 2, total: 2, secondsLeft: 0 }, '2/2'],
])('the pace %j is told as "%s"', (pace, text) => {
  expect(paceText(pace)).toBe(text);
});

it('the time left of work that goes on is estimated by the new part', () => {
  let now = 0;
  const estimate = createEstimate(() => now);
  expect(estimate(50, 100)).toBeUndefined();
  now = 10_000;
  expect(estimate(60, 100)).toBe(40);
  expect(estimate(100, 100)).toBeUndefined();
});

it('tracking tells frame, rate, time left and state, and takes the line away', () => {
  const { stderr, err } = createTestTerminal({ isTTY: true });
  let now = 0;
  const progress = createTrackProgress(stderr, 100, false, () => now);
  for (let i = 0; i < 10; i++) {
    now += 200;
    progress.step(i < 9 ? 'tracking' : 'lost');
  }
  progress.end();
  expect(err().split(CLEAR).slice(-2)).toEqual(['frame 10/100, 5.0 fps, 0:18 left, lost', '']);
});

it('an evaluation tells each sequence that ended, each that failed once, and those at work', () => {
  const { stderr, err } = createTestTerminal({ isTTY: true });
  let now = 0;
  const { update, end } = createRunProgress(stderr, false, () => now);
  const common = { done: 1, skipped: 2, total: 5, running: new Map([['b', 7]]), framesPerSecond: 20, secondsLeft: 65 };
  const failed = [{ sequence: 'c', seed: 1, code: 'DATA_INVALID' as const, message: '', hint: '' }];
  update({ ...common, failed: [], ended: { sequence: 'a', seed: 1, frames: 30, seconds: 2 } });
  now = 200;
  update({ ...common, failed });
  update({ ...common, failed });
  end();
  expect(err().split(CLEAR).slice(1)).toEqual([
    `${'a'.padEnd(28)} seed 1      30 frames    15.0 fps  3/5, 1:05 left\n`,
    `${'c'.padEnd(28)} failed: DATA_INVALID\n`,
    '3/5, 20.0 fps, 1:05 left: b 7',
    '',
  ]);
});

it('a training tells the crops that are made, its steps, and figures in lines that stay', () => {
  const { stderr, err } = createTestTerminal({ isTTY: true });
  let now = 0;
  const watch = createTrainingWatch(stderr, false, new AbortController().signal, () => now);
  const step: TrainingProgress = {
    step: 10,
    steps: 40,
    secondsLeft: 60,
    pairsPerSecond: 64,
    gradientNorm: 1,
    energyLoss: 0.5,
    proposalLoss: 0,
    absentLoss: 0,
    load: 0.1,
    compute: 0.8,
    update: 0.1,
  };
  watch.onBank(0, 20);
  now = 1000;
  watch.onBank(5, 20);
  now = 2000;
  watch.onProgress(step);
  watch.onProgress({ ...step, validation: { iou: 0.75 } });
  watch.end();
  const text = 'step 10/40, 64 pairs/s, 1:00 left, energy 0.500, load 10%, compute 80%, update 10%';
  expect(err().split(CLEAR).slice(1)).toEqual(['crops 5/20, 0:03 left', text, `${text}, iou 0.750\n`, '']);
});

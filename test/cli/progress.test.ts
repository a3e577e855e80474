import { describe, expect, it } from 'vitest';
import { createProgress } from '../../src/cli/progress.js';
import { createTestTerminal } from '../helpers/terminal.js';

describe('createProgress', () => {
  it('tells frame, rate, time left and state on a terminal, and takes the line away', () => {
    const { stderr, err } = createTestTerminal({ isTTY: true });
    let now = 0;
    const progress = createProgress(stderr, 100, false, () => now);
    for (let i = 0; i < 10; i++) {
      now += 200;
      progress.step(i < 9 ? 'tracking' : 'lost');
    }
    expect(err().split('\r').at(-1)).toContain('frame 10/100, 5.0 fps, 0:18 left, lost');
    progress.end();
    expect(err().endsWith('\r\u001B[K')).toBe(true);
  });

  it('draws at most ten times a second', () => {
    const { stderr, err } = createTestTerminal({ isTTY: true });
    let now = 0;
    const progress = createProgress(stderr, 0, false, () => now);
    for (let i = 0; i < 1000; i++) {
      now += 1;
      progress.step('tracking');
    }
    expect(err().split('\r').length - 1).toBe(10);
  });

  it.each([
    ['where stderr is no terminal', false, false],
    ['when asked to be quiet', true, true],
  ])('is silent %s', (_, isTTY, quiet) => {
    const { stderr, err } = createTestTerminal({ isTTY });
    const progress = createProgress(stderr, 100, quiet);
    progress.step('tracking');
    progress.end();
    expect(err()).toBe('');
  });
});

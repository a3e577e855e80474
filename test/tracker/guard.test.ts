import { expect, it } from 'vitest';
import { readGuard, trackGuardClips } from '../helpers/guard.js';

/** Pixels by which machines may differ. */
const TOLERANCE = 2;

// where it is meant to be so: npm run guard
it('the demo and a built clip are tracked as the guard has it: boxes within 2 pixels, state for state', async () => {
  const [known, now] = [await readGuard(), await trackGuardClips()];
  const differences = Object.entries(known).flatMap(([clip, lines]) => {
    expect(now[clip]).toHaveLength(lines.length);
    return lines.flatMap((line, frame) => {
      const other = now[clip]![frame]!;
      return isSame(line, other) ? [] : [`${clip}, frame ${frame}: ${line} was ${other}`];
    });
  });
  expect(differences).toEqual([]);
});

function isSame(line: string, other: string): boolean {
  const [a, b] = [line.split(','), other.split(',')];
  return a[4] === b[4] && [0, 1, 2, 3].every((i) => Math.abs(Number(a[i]) - Number(b[i])) <= TOLERANCE);
}

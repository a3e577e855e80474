/** How the tracking of a file is told: frame, rate, time left and state. */
import { createEstimate, createProgressLine, paceText } from './progress.js';
import type { Terminal } from './terminal.js';

export interface TrackProgress {
  /** One more frame is done. @param state of the object, or of several in few words */
  step(state: string): void;
  /** Takes the moving line away. */
  end(): void;
}

/**
 * @param total frames expected; 0 where unknown
 * @param now milliseconds, a clock
 */
export function createTrackProgress(
  stderr: Terminal['stderr'],
  total: number,
  quiet: boolean,
  now: () => number = () => performance.now(),
): TrackProgress {
  const line = createProgressLine(stderr, { quiet, now });
  const estimate = createEstimate(now);
  const started = now();
  let done = 0;
  estimate(0, total);
  return {
    step(state) {
      done++;
      line.move(() => {
        const rate = `${((1000 * done) / (now() - started)).toFixed(1)} fps`;
        return `frame ${paceText({ done, total, rate, secondsLeft: estimate(done, total) })}, ${state}`;
      });
    },
    end: line.end,
  };
}

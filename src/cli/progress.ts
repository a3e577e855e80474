/** The progress line: one line on a terminal that is written over, nothing where stderr is not a terminal. */
import type { Terminal } from './terminal.js';

export interface Progress {
  /** One more frame is done. @param state of the object, or of several in few words */
  step(state: string): void;
  /** Takes the line away. */
  end(): void;
}

/** Milliseconds between two drawings: a terminal over a slow line must not slow the tracker. */
const INTERVAL = 100;

/**
 * @param total frames expected; 0 where unknown
 * @param now milliseconds, a clock
 */
export function createProgress(
  stderr: Terminal['stderr'],
  total: number,
  quiet: boolean,
  now: () => number = () => performance.now(),
): Progress {
  if (quiet || !stderr.isTTY) return { step: () => undefined, end: () => undefined };
  const started = now();
  let done = 0;
  let drawn = -Infinity;
  return {
    step(state) {
      done++;
      const time = now();
      if (time - drawn < INTERVAL) return;
      drawn = time;
      stderr.write(`\r\u001B[K${progressText(done, total, (time - started) / 1000, state)}`);
    },
    end() {
      if (done > 0) stderr.write('\r\u001B[K');
    },
  };
}

function progressText(done: number, total: number, seconds: number, state: string): string {
  const fps = seconds > 0 ? done / seconds : 0;
  const of = total > 0 ? `/${total}` : '';
  const left = total > done && fps > 0 ? `, ${clock((total - done) / fps)} left` : '';
  return `frame ${done}${of}, ${fps.toFixed(1)} fps${left}, ${state}`;
}

/** 83 -> "1:23" */
export function clock(seconds: number): string {
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
}

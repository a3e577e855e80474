/** Progress on stderr, in one form for all commands: a terminal writes one line over, elsewhere a line comes now and then. */
import type { Terminal } from './terminal.js';

export interface ProgressLine {
  /** Draws the line anew; nothing, and without asking for the text, where the last drawing is too recent. */
  move(text: () => string): void;
  /** Writes a line that stays. */
  say(text: string): void;
  /** Takes the moving line away. */
  end(): void;
}

export interface ProgressOptions {
  readonly quiet?: boolean;
  /** Milliseconds between two drawings on a terminal: one over a slow connection must not slow the command. */
  readonly terminal?: number;
  /** Milliseconds between two lines elsewhere, such as in a log. */
  readonly elsewhere?: number;
  /** Clock, in milliseconds. */
  readonly now?: () => number;
}

/** Characters of the moving line where the terminal does not tell its width: a line that wraps is not written over. */
const WIDTH = 110;

export function createProgressLine(
  stderr: Terminal['stderr'],
  { quiet = false, terminal = 100, elsewhere = 30_000, now = () => performance.now() }: ProgressOptions = {},
): ProgressLine {
  if (quiet) return { move: () => undefined, say: () => undefined, end: () => undefined };
  const clear = stderr.isTTY ? '\r\u001B[K' : '';
  const interval = stderr.isTTY ? terminal : elsewhere;
  let drawn = now();
  return {
    move(text) {
      if (now() - drawn < interval) return;
      drawn = now();
      stderr.write(stderr.isTTY ? `${clear}${text().slice(0, (stderr.columns ?? WIDTH + 1) - 1)}` : `${text()}\n`);
    },
    say: (text) => void stderr.write(`${clear}${text}\n`),
    end: () => void stderr.write(clear),
  };
}

/** How far a job is. */
export interface Pace {
  readonly done: number;
  /** 0 or left out where it is not known. */
  readonly total?: number;
  /** With its unit, such as "5.0 fps". */
  readonly rate?: string;
  readonly secondsLeft?: number | undefined;
}

/** "10/100, 5.0 fps, 0:18 left", without the parts that are not known. */
export function paceText({ done, total = 0, rate, secondsLeft = 0 }: Pace): string {
  const parts = [total > 0 ? `${done}/${total}` : `${done}`];
  if (rate !== undefined) parts.push(rate);
  if (secondsLeft > 0) parts.push(`${clock(secondsLeft)} left`);
  return parts.join(', ');
}

/**
 * Estimates the seconds left.
 * @returns a function whose first call is the start: if a job goes on from a checkpoint, the pace is that of the new part alone
 */
export function createEstimate(
  now: () => number = () => performance.now(),
): (done: number, total: number) => number | undefined {
  let first: { readonly done: number; readonly time: number } | undefined;
  return (done, total) => {
    first ??= { done, time: now() };
    if (done <= first.done || done >= total) return undefined;
    return ((now() - first.time) / 1000 / (done - first.done)) * (total - done);
  };
}

/** 83 -> "1:23", 3683 -> "1:01:23" */
function clock(seconds: number): string {
  const whole = Math.round(seconds);
  const two = (value: number): string => String(value).padStart(2, '0');
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return `${hours > 0 ? `${hours}:${two(minutes)}` : minutes}:${two(whole % 60)}`;
}

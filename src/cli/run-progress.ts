/** The live table of an evaluation: a line for each sequence that has ended, and below them what is at work, with the time left. */
import type { EvaluationProgress } from '../evaluation/runner.js';
import { clock } from './progress.js';
import type { Terminal } from './terminal.js';

export interface RunProgress {
  readonly update: (progress: EvaluationProgress) => void;
  /** Takes the last line away. */
  readonly end: () => void;
}

/** Milliseconds between two drawings of the last line. */
const INTERVAL = 200;

/** Lines of ended sequences go to any stderr; the moving last line to a terminal only. */
export function createRunProgress(
  stderr: Terminal['stderr'],
  quiet: boolean,
  now: () => number = () => performance.now(),
): RunProgress {
  const started = now();
  let drawn = -Infinity;
  let told = 0;
  const clear = stderr.isTTY ? '\r\u001B[K' : '';
  return {
    update(progress) {
      if (quiet) return;
      const { ended, done, failed } = progress;
      if (ended) {
        const fps = ended.frames / Math.max(1e-9, ended.seconds);
        const left = timeLeft(progress, now() - started);
        stderr.write(
          `${clear}${ended.sequence.padEnd(28)} seed ${ended.seed}  ${String(ended.frames).padStart(6)} frames  ${fps.toFixed(1).padStart(6)} fps  ${done + progress.skipped}/${progress.total}${left}\n`,
        );
      }
      for (; told < failed.length; told++)
        stderr.write(`${clear}${failed[told]!.sequence.padEnd(28)} failed: ${failed[told]!.code}\n`);
      if (!stderr.isTTY || now() - drawn < INTERVAL) return;
      drawn = now();
      const running = [...progress.running].map(([name, frames]) => `${name} ${frames}`).join(', ');
      const line = `${done + progress.skipped}/${progress.total}, ${progress.framesPerSecond.toFixed(1)} fps${timeLeft(progress, now() - started)}: ${running}`;
      stderr.write(`${clear}${line.slice(0, 110)}`);
    },
    end() {
      if (!quiet) stderr.write(clear);
    },
  };
}

/** By the sequences that ended so far; nothing before the first. */
function timeLeft({ done, skipped, total }: EvaluationProgress, elapsed: number): string {
  const left = total - skipped - done;
  return done > 0 && left > 0 ? `, ${clock((elapsed / 1000 / done) * left)} left` : '';
}

/** How an evaluation is told: a line for each sequence that has ended, and below them what is at work, with the time left. */
import type { EvaluationProgress } from '../evaluation/runner.js';
import { createProgressLine, paceText } from './progress.js';
import type { Terminal } from './terminal.js';

export interface RunProgress {
  readonly update: (progress: EvaluationProgress) => void;
  /** Takes the moving line away. */
  readonly end: () => void;
}

/** @param now milliseconds, a clock */
export function createRunProgress(
  stderr: Terminal['stderr'],
  quiet: boolean,
  now: () => number = () => performance.now(),
): RunProgress {
  const line = createProgressLine(stderr, { quiet, now });
  let told = 0;
  return {
    update(progress) {
      const { ended, failed } = progress;
      if (ended) line.say(`${endedText(ended)}  ${sequencesText(progress)}`);
      for (; told < failed.length; told++)
        line.say(`${failed[told]!.sequence.padEnd(28)} failed: ${failed[told]!.code}`);
      line.move(() => {
        const running = [...progress.running].map(([name, frames]) => `${name} ${frames}`).join(', ');
        return `${sequencesText(progress, `${progress.framesPerSecond.toFixed(1)} fps`)}: ${running}`;
      });
    },
    end: line.end,
  };
}

function endedText({ sequence, seed, frames, seconds }: NonNullable<EvaluationProgress['ended']>): string {
  const fps = (frames / Math.max(1e-9, seconds)).toFixed(1);
  return `${sequence.padEnd(28)} seed ${seed}  ${String(frames).padStart(6)} frames  ${fps.padStart(6)} fps`;
}

function sequencesText({ done, skipped, total, secondsLeft }: EvaluationProgress, rate?: string): string {
  return paceText({ done: done + skipped, total, secondsLeft, ...(rate === undefined ? {} : { rate }) });
}

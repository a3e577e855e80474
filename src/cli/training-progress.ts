/** How training is told: steps, time left, losses; figures on held-out pairs in lines that stay. */
import type { TrainingProgress } from '../training/loop.js';
import type { TrainingWatch } from '../training/session.js';
import { createEstimate, createProgressLine, paceText } from './progress.js';
import type { Terminal } from './terminal.js';

export interface TrainingProgressWatch extends TrainingWatch {
  /** Takes the moving line away. */
  readonly end: () => void;
}

/** @param now milliseconds, a clock */
export function createTrainingWatch(
  stderr: Terminal['stderr'],
  quiet: boolean,
  signal: AbortSignal,
  now: () => number = () => performance.now(),
): TrainingProgressWatch {
  const line = createProgressLine(stderr, { quiet, now });
  const estimate = createEstimate(now);
  return {
    signal,
    say: line.say,
    onBank(done, total) {
      const secondsLeft = estimate(done, total);
      line.move(() => `crops ${paceText({ done, total, secondsLeft })}`);
    },
    onProgress(progress) {
      if (progress.validation) line.say(progressText(progress));
      else line.move(() => progressText(progress));
    },
    end: line.end,
  };
}

function progressText(p: TrainingProgress): string {
  const percent = (share: number): string => `${(100 * share).toFixed(0)}%`;
  const shares = `load ${percent(p.load)}, compute ${percent(p.compute)}, update ${percent(p.update)}`;
  const figures = Object.entries(p.validation ?? {}).map(
    ([name, value]) => `${name} ${value.toFixed(name === 'step_length' ? 5 : 3)}`,
  );
  // an imported tracker has neither proposal nor absent outcome
  const others = p.proposalLoss === 0 && p.absentLoss === 0 ? '' : othersText(p);
  const losses = `energy ${p.energyLoss.toFixed(3)}${others}`;
  const rate = `${p.pairsPerSecond.toFixed(0)} pairs/s`;
  const pace = paceText({ done: p.step, total: p.steps, rate, secondsLeft: p.secondsLeft });
  return [`step ${pace}`, losses, shares, ...figures].join(', ');
}

const othersText = ({ proposalLoss, absentLoss }: TrainingProgress): string =>
  `, proposal ${proposalLoss.toFixed(3)}, absent ${absentLoss.toFixed(3)}`;

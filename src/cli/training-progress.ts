/** How training is told: one line of steps, losses and the time left; written over on a terminal, line by line elsewhere. */
import type { TrainingProgress } from '../training/loop.js';
import type { TrainingWatch } from '../training/session.js';
import { clock } from './progress.js';
import type { Terminal } from './terminal.js';

/** Milliseconds between two lines about the bank. */
const INTERVAL = 2000;

export function createTrainingWatch(
  stderr: Terminal['stderr'],
  quiet: boolean,
  signal: AbortSignal,
  now: () => number = () => performance.now(),
): TrainingWatch {
  const clear = stderr.isTTY ? '\r\u001B[K' : '';
  let told = -Infinity;
  let first: { time: number; done: number } | undefined;
  const line = (text: string): void => {
    if (!quiet) stderr.write(`${clear}${text}\n`);
  };
  const moving = (text: string): void => {
    if (!quiet) stderr.write(stderr.isTTY ? `${clear}${text.slice(0, 110)}` : `${text}\n`);
  };
  return {
    signal,
    say: line,
    onBank(done, total) {
      first ??= { time: now(), done };
      if (now() - told < INTERVAL) return;
      told = now();
      const each = (now() - first.time) / Math.max(1, done - first.done);
      const left = done > first.done ? `, ${clock(((total - done) * each) / 1000)} left` : '';
      moving(`crops ${done}/${total}${left}`);
    },
    onProgress(progress) {
      (progress.validation ? line : moving)(progressText(progress));
    },
  };
}

export function progressText(p: TrainingProgress): string {
  const percent = (share: number): string => `${(100 * share).toFixed(0)}%`;
  const shares = `load ${percent(p.load)}, compute ${percent(p.compute)}, update ${percent(p.update)}`;
  const figures = Object.entries(p.validation ?? {}).map(
    ([name, value]) => ` ${name} ${value.toFixed(name === 'step_length' ? 5 : 3)}`,
  );
  // an imported tracker has neither proposal nor absent outcome
  const others = p.proposalLoss === 0 && p.absentLoss === 0 ? '' : othersText(p);
  const losses = `energy ${p.energyLoss.toFixed(3)}${others}`;
  const speed = `${p.pairsPerSecond.toFixed(0)} pairs/s (${shares})`;
  return `step ${p.step}/${p.steps}, ${clock(p.secondsLeft)} left, ${losses}, ${speed}${figures.join(',')}`;
}

const othersText = ({ proposalLoss, absentLoss }: TrainingProgress): string =>
  `, proposal ${proposalLoss.toFixed(3)}, absent ${absentLoss.toFixed(3)}`;

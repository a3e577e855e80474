/** The training loop: plain, seeded, resumable. It waits for the bank, the step and the optimiser, and says for which. */
import { appendFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { copyWeights, type Weights } from '../ebm/head.js';
import { createRandom, type Random } from '../random.js';
import { readCheckpoint, writeCheckpoint, type Best, type TrainingState } from './checkpoint.js';
import type { FinetuneProgress } from './finetune-options.js';
import { adamStep, cosineRate, createOptimiserState, type OptimiserSettings } from './optimiser.js';
import type { TrainingSettings } from './settings.js';
import type { StepResult } from './step.js';

/** Settings of the loop itself. */
export type LoopSettings = OptimiserSettings &
  Pick<
    TrainingSettings,
    'steps' | 'learningRate' | 'warmup' | 'seed' | 'logEvery' | 'checkpointEvery' | 'validateEvery'
  >;

/** Result of one step: losses and gradients, and the milliseconds that each part took. */
export interface TimedStep extends StepResult {
  readonly load: number;
  readonly compute: number;
}

export interface TrainingRun {
  readonly settings: LoopSettings;
  /** Draws what a step learns from and says what it teaches; the weights stay as they are. */
  readonly step: (weights: Weights, random: Random) => Promise<TimedStep>;
  /** Identifies settings, data and what is frozen: a checkpoint of another run is refused. */
  readonly settingsHash: string;
  readonly checkpoint: string;
  /** CSV of losses and validation figures. */
  readonly curve: string;
  readonly initial: () => Weights;
  /** Figures of the averaged weights on held-out pairs. */
  readonly validate?: (weights: Weights) => Promise<Record<string, number>>;
  /** Figures of what it starts from; left out: those of the initial weights. */
  readonly before?: () => Promise<Record<string, number>>;
  /** Keeps the best weights by those figures, those it starts from included. */
  readonly judge?: Judge;
  readonly onProgress?: (line: TrainingProgress) => void;
  readonly signal?: AbortSignal | undefined;
}

export interface Judge {
  /** Higher is better. */
  readonly score: (figures: Readonly<Record<string, number>>) => number;
  /** Stops after so many validations without a better one. */
  readonly patience: number;
}

export interface TrainingResult {
  /** The averaged weights of the last step. */
  readonly weights: Weights;
  readonly state: TrainingState;
  /** False where the signal ended it: the same call goes on. */
  readonly finished: boolean;
}

export type TrainingProgress = FinetuneProgress;

const CURVE_FIGURES = [
  'energy_loss',
  'proposal_loss',
  'absent_loss',
  'gradient_norm',
  'pairs_per_second',
  'load_share',
] as const;
const CURVE_HEADER = `${['step', 'pairs', ...CURVE_FIGURES, 'validation'].join(',')}\n`;

/**
 * Trains to the last step, or until the judge's patience ends, from the checkpoint where there is one.
 * @throws TrackerError CHECKPOINT_INVALID
 */
export async function train(run: TrainingRun): Promise<TrainingResult> {
  const { settings } = run;
  const state = (await readCheckpoint(run.checkpoint, run.settingsHash)) ?? (await beginTraining(run));
  cutCurve(run.curve, state.step);
  const random = createRandom(state.random);
  let { step, pairs, best } = state;
  const current = (): TrainingState => ({ ...state, step, pairs, random: random.state(), best });
  const ended = (): boolean =>
    step >= settings.steps ||
    (best !== undefined && step - best.step >= (run.judge?.patience ?? Infinity) * settings.validateEvery);
  let window = newWindow();
  while (!ended() && !run.signal?.aborted) {
    step++;
    const result = await run.step(state.weights, random);
    const learned = performance.now();
    const rate = cosineRate(step, settings.steps, settings.learningRate, settings.warmup);
    const norm = adamStep(state.weights, result.gradients, state.optimiser, step, rate, settings);
    pairs += result.pairs;
    if (Number.isFinite(norm)) window.add(result, norm, performance.now() - learned);
    const validating = step % settings.validateEvery === 0 || step === settings.steps;
    if (step % settings.logEvery === 0 || validating) {
      const weights = validating ? averaged(state) : undefined;
      const validation = weights ? await run.validate?.(weights) : undefined;
      if (weights && validation) best = better(best, run.judge, validation, weights, step);
      const progress = window.progress(step, settings.steps, validation);
      appendFileSync(run.curve, curveLine(progress, pairs));
      run.onProgress?.(progress);
      window = newWindow();
    }
    // after the validation: a run that goes on from here knows what it found
    if (step % settings.checkpointEvery === 0 || ended()) await writeCheckpoint(run.checkpoint, current());
    await new Promise(setImmediate); // lets signals in
  }
  if (!ended()) await writeCheckpoint(run.checkpoint, current());
  return { weights: averaged(state), state: current(), finished: ended() };
}

async function beginTraining(run: TrainingRun): Promise<TrainingState> {
  const weights = run.initial();
  const before = run.judge ? await (run.before?.() ?? run.validate?.(weights)) : undefined;
  const copy = copyWeights(weights);
  const state: TrainingState = {
    weights,
    optimiser: createOptimiserState(weights),
    step: 0,
    pairs: 0,
    random: createRandom(run.settings.seed).state(),
    settings: run.settingsHash,
    best: before && { step: 0, score: run.judge!.score(before), figures: before, before, weights: copy },
  };
  await writeCheckpoint(run.checkpoint, state);
  writeFileSync(run.curve, CURVE_HEADER);
  const blank = CURVE_FIGURES.map(() => '');
  if (before) appendFileSync(run.curve, `${[0, 0, ...blank, figuresText(before)].join(',')}\n`);
  return state;
}

function better(
  best: Best | undefined,
  judge: Judge | undefined,
  figures: Record<string, number>,
  weights: Weights,
  step: number,
): Best | undefined {
  const score = judge?.score(figures) ?? -Infinity;
  return best && score > best.score ? { ...best, step, score, figures, weights } : best;
}

/** Takes lines after a step out of the curve: a run that goes on from its checkpoint writes them again. */
function cutCurve(file: string, step: number): void {
  const [, ...lines] = readFileSync(file, { encoding: 'utf8', flag: 'a+' }).split('\n');
  const kept = lines.filter((line) => line !== '' && Number(line.split(',')[0]) <= step);
  writeFileSync(`${file}.new`, CURVE_HEADER + kept.map((line) => `${line}\n`).join(''));
  renameSync(`${file}.new`, file);
}

const figuresText = (figures: Readonly<Record<string, number>>): string =>
  Object.entries(figures)
    .map(([name, value]) => `${name}=${value.toFixed(4)}`)
    .join(' ');

/** The averaged weights as a record of their own. */
function averaged(state: TrainingState): Weights {
  return Object.fromEntries(
    Object.entries(state.weights).map(([name, { shape }]) => [
      name,
      { shape, data: state.optimiser.averaged[name]!.slice() },
    ]),
  );
}

function curveLine(p: TrainingProgress, pairs: number): string {
  const figures = [p.energyLoss, p.proposalLoss, p.absentLoss, p.gradientNorm, p.pairsPerSecond, p.load].map((value) =>
    value.toFixed(4),
  );
  return `${[p.step, pairs, ...figures, figuresText(p.validation ?? {})].join(',')}\n`;
}

/** Sums since the last line of the curve. */
function newWindow() {
  const started = performance.now();
  const sums = { steps: 0, energy: 0, proposal: 0, absent: 0, norm: 0, pairs: 0, load: 0, compute: 0, update: 0 };
  return {
    add(result: TimedStep, norm: number, update: number): void {
      sums.steps++;
      sums.energy += result.energyLoss;
      sums.proposal += result.proposalLoss;
      sums.absent += result.absentLoss;
      sums.norm += norm;
      sums.pairs += result.pairs;
      sums.load += result.load;
      sums.compute += result.compute;
      sums.update += update;
    },
    progress(step: number, steps: number, validation?: Record<string, number>): TrainingProgress {
      const busy = sums.load + sums.compute + sums.update;
      const elapsed = performance.now() - started;
      return {
        step,
        steps,
        energyLoss: sums.energy / sums.steps,
        proposalLoss: sums.proposal / sums.steps,
        absentLoss: sums.absent / sums.steps,
        gradientNorm: sums.norm / sums.steps,
        pairsPerSecond: (1000 * sums.pairs) / busy,
        load: sums.load / busy,
        compute: sums.compute / busy,
        update: sums.update / busy,
        secondsLeft: ((steps - step) * elapsed) / sums.steps / 1000,
        validation,
      };
    },
  };
}

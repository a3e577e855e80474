/** One step from a feature bank: crops are drawn and loaded, then step.ts says what they teach. */
import type * as TF from '@tensorflow/tfjs-core';
import type { MapGeometry } from '../ebm/head.js';
import type { Bank } from './bank.js';
import { loadBatch } from './batch.js';
import type { LearnedStages } from './learned-stages.js';
import type { TrainingRun } from './loop.js';
import type { TrainingSettings } from './settings.js';
import { createSampler } from './sampler.js';
import { trainingStep } from './step.js';

export interface BankSource {
  readonly tf: typeof TF;
  readonly bank: Bank;
  readonly geometry: MapGeometry;
  readonly settings: TrainingSettings;
  /** The backbone's last stages where they are learned too: their weights are among the initial ones. */
  readonly stages?: LearnedStages | undefined;
}

export function bankStep({ tf, bank, geometry, settings, stages }: BankSource): TrainingRun['step'] {
  const draw = createSampler(bank, settings);
  return async (weights, random) => {
    const start = performance.now();
    const batch = loadBatch(bank, draw(random), settings.channelDropout, random, stages);
    const loaded = performance.now();
    const result = trainingStep(tf, weights, geometry, batch, settings, random, stages);
    return { ...result, load: loaded - start, compute: performance.now() - loaded };
  };
}

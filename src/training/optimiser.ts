/** AdamW (Loshchilov and Hutter 2019) on plain arrays: its state is explicit, so that a checkpoint is all of it. */
import type { Weights } from '../ebm/head.js';
import { STAGE_PREFIX } from './learned-stages.js';
import type { TrainingSettings } from './settings.js';

export interface OptimiserState {
  /** First and second moments, averaged weights: one array for each weight. */
  readonly first: Record<string, Float32Array>;
  readonly second: Record<string, Float32Array>;
  readonly averaged: Record<string, Float32Array>;
}

export type OptimiserSettings = Pick<TrainingSettings, 'weightDecay' | 'maxNorm' | 'averageDecay' | 'stageRate'>;

const BETA1 = 0.9;
const BETA2 = 0.999;
const EPSILON = 1e-8;

export function createOptimiserState(weights: Weights): OptimiserState {
  const make = (init: (data: Float32Array) => Float32Array): Record<string, Float32Array> =>
    Object.fromEntries(Object.entries(weights).map(([name, { data }]) => [name, init(data)]));
  const zeros = (data: Float32Array): Float32Array => new Float32Array(data.length);
  return { first: make(zeros), second: make(zeros), averaged: make((data) => data.slice()) };
}

/**
 * One step, in place on the weights and the state; none where the gradients are not finite, which would spoil all weights for good.
 * @param step from 1
 * @returns the gradients' norm before clipping
 */
export function adamStep(
  weights: Weights,
  gradients: Readonly<Record<string, Float32Array>>,
  state: OptimiserState,
  step: number,
  rate: number,
  settings: OptimiserSettings,
): number {
  let squares = 0;
  for (const gradient of Object.values(gradients)) for (const g of gradient) squares += g * g;
  const norm = Math.sqrt(squares);
  if (!Number.isFinite(norm)) return norm;
  const clip = Math.min(1, settings.maxNorm / (norm + 1e-6));
  const average = Math.min(settings.averageDecay, (step + 1) / (step + 10));
  const unbias2 = 1 / (1 - BETA2 ** step);
  for (const [name, { shape, data }] of Object.entries(weights)) {
    const gradient = gradients[name]!;
    const m = state.first[name]!;
    const v = state.second[name]!;
    const mean = state.averaged[name]!;
    const ofStage = name.startsWith(STAGE_PREFIX);
    const size = ((ofStage ? (settings.stageRate ?? 1) : 1) * rate) / (1 - BETA1 ** step);
    const decay = shape.length > 1 && !ofStage ? 1 - rate * settings.weightDecay : 1; // no decay of biases and norms
    for (let i = 0; i < data.length; i++) {
      const g = gradient[i]! * clip;
      const m1 = (m[i] = BETA1 * m[i]! + (1 - BETA1) * g);
      const v1 = (v[i] = BETA2 * v[i]! + (1 - BETA2) * g * g);
      const w = data[i]! * decay - (size * m1) / (Math.sqrt(v1 * unbias2) + EPSILON);
      data[i] = w;
      mean[i] = mean[i]! * average + w * (1 - average);
    }
  }
  return norm;
}

/** Warm-up, then half a cosine down to 2 %. @param step from 1 */
export function cosineRate(step: number, steps: number, peak: number, warmup: number): number {
  const progress = Math.min(1, step / steps);
  return peak * Math.min(1, step / warmup) * (0.02 + 0.98 * 0.5 * (1 + Math.cos(Math.PI * progress)));
}

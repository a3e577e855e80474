/**
 * From a posterior to one box: sample, weigh, keep the dominant mode, sample again about it. The box is the peak of a paraboloid fitted to the
 * samples' log-densities, or the weighted mean, or the maximum that gradient ascent finds.
 */
import type { PosteriorConfig } from '../config.js';
import type { Random } from '../random.js';
import { paraboloidPeak } from './paraboloid.js';
import { dominantMode, importanceEstimate, type LogDensity } from './posterior.js';
import { concat, DIMENSIONS, logDensity, sampleMixture, type Mixture } from './proposal.js';
import { ascend, type RefineSettings } from './refine.js';

export type EstimateSettings = Pick<
  PosteriorConfig,
  'estimate' | 'candidates' | 'refined' | 'settled' | 'starts' | 'averaged' | 'ascentSteps' | 'ascentRate'
>;

/** Estimate of the box from the samples of one frame; boxes relative to the last one. */
export interface Estimate {
  /** The point estimate: the box. */
  readonly y: Float64Array;
  /** Mean of the dominant mode, by the second round. */
  readonly mean: Float64Array;
  /** Deviations, in the same order. */
  readonly sigma: Float64Array;
  /** Effective sample size of the second round, as a share of its samples. */
  readonly effectiveShare: number;
  /** Log partition function of the whole posterior, by the first round. */
  readonly logZ: number;
  /** Highest log-density of a sample. */
  readonly best: number;
  /** All samples with their log-densities, first round first. */
  readonly samples: Float32Array;
  /** Log-density of each sample. */
  readonly values: Float32Array;
}

/** The second round is a little wider than the mode it was fitted to, and never degenerate. */
const WIDEN = 1.2;
const SIGMA_RANGE = [0.04, 0.12] as const;
/** Deviation of the third round. */
const THIRD_SIGMA = 0.05;
/** Limits of the ascent: of one step, and about the last box. */
const ASCENT_LIMITS = { maxStep: 0.15, maxPlace: 2, maxLogSize: 0.5, maxLogAspect: 0.5 };

export async function estimateBox(
  posterior: LogDensity,
  proposal: Mixture,
  settings: EstimateSettings,
  random: Random,
): Promise<Estimate> {
  const first = sampleMixture(proposal, settings.candidates, random);
  const firstValues = await posterior.values(first);
  const firstWeights = subtract(firstValues, logDensity(proposal, first));
  const whole = importanceEstimate(first, firstWeights);
  const mode = importanceEstimate(first, dominantMode(first, firstValues, firstWeights));

  const about = gaussianAbout(mode.mean, deviations(mode.covariance));
  const second = sampleMirrored(about, settings.refined, random);
  const secondValues = await posterior.values(second);
  const refined = importanceEstimate(second, subtract(secondValues, logDensity(about, second)));

  const samples = concat([first, second]);
  const values = concat([firstValues, secondValues]);
  return {
    y: await pointEstimate(posterior, refined.mean, samples, values, settings, random),
    mean: refined.mean,
    sigma: deviations(refined.covariance),
    effectiveShare: refined.effectiveSamples / secondValues.length,
    logZ: whole.logZ,
    best: values.reduce((a, b) => Math.max(a, b), -Infinity),
    samples,
    values,
  };
}

/** The box, as settings.estimate says. @param mean of the second round */
async function pointEstimate(
  posterior: LogDensity,
  mean: Float64Array,
  samples: Float32Array,
  values: Float32Array,
  settings: EstimateSettings,
  random: Random,
): Promise<Float64Array> {
  const { estimate, starts, averaged, candidates } = settings;
  if (estimate === 'mean') return mean;
  if (estimate === 'peak') {
    const second = samples.subarray(DIMENSIONS * candidates);
    return peakOf(posterior, mean, second, values.subarray(candidates), settings.settled, random);
  }
  const refine: RefineSettings = { ...ASCENT_LIMITS, steps: settings.ascentSteps, rate: settings.ascentRate };
  const ascended = await ascend(posterior, takeRows(samples, topIndices(values, starts)), refine);
  const top = takeRows(ascended.y, topIndices(ascended.values, averaged));
  const result = new Float64Array(DIMENSIONS);
  for (let i = 0; i < top.length; i++) result[i % DIMENSIONS]! += (DIMENSIONS * top[i]!) / top.length;
  return result;
}

/** The peak by the second round's samples; then by them and a third round about that peak. @param count samples of the third round */
async function peakOf(
  posterior: LogDensity,
  mean: Float64Array,
  samples: Float32Array,
  values: Float32Array,
  count: number,
  random: Random,
): Promise<Float64Array> {
  const peak = paraboloidPeak(samples, values, mean);
  if (count === 0) return peak;
  const sigmas = new Float64Array(DIMENSIONS).fill(THIRD_SIGMA / WIDEN);
  const third = sampleMirrored(gaussianAbout(peak, sigmas), count, random);
  const thirdValues = await posterior.values(third);
  return paraboloidPeak(concat([samples, third]), concat([values, thirdValues]), peak);
}

/** Samples of one Gaussian in pairs that lie opposite to each other: their mean has no noise of its own. */
function sampleMirrored(gaussian: Mixture, count: number, random: Random): Float32Array {
  const half = sampleMixture(gaussian, Math.ceil(count / 2), random);
  const mirrored = half.map((value, i) => 2 * gaussian.means[i % DIMENSIONS]! - value);
  return concat([half, mirrored]);
}

function subtract(a: Float32Array, b: Float32Array): Float32Array {
  return a.map((value, i) => value - b[i]!);
}

function deviations(covariance: Float64Array): Float64Array {
  return Float64Array.from({ length: DIMENSIONS }, (_, d) => Math.sqrt(covariance[d * (DIMENSIONS + 1)]!));
}

function gaussianAbout(mean: Float64Array, sigma: Float64Array): Mixture {
  const [low, high] = SIGMA_RANGE;
  const logSigmas = Float32Array.from(sigma, (value) => Math.log(Math.min(high, Math.max(low, WIDEN * value))));
  return { logits: new Float32Array(1), means: Float32Array.from(mean), logSigmas };
}

/** Indices of the n highest values, highest first. */
function topIndices(values: Float32Array, n: number): number[] {
  return [...values.keys()].toSorted((a, b) => values[b]! - values[a]!).slice(0, n);
}

function takeRows(y: Float32Array, indices: readonly number[]): Float32Array {
  return Float32Array.from(indices.flatMap((n) => [...y.subarray(DIMENSIONS * n, DIMENSIONS * (n + 1))]));
}

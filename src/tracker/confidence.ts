/** How sure a box is: evidence of one frame, filtered over the last ones, becomes P(IoU > 0.5). */
import type { ConfidenceModel } from '../features/manifest.js';
import type { Estimate } from '../ebm/estimate.js';
import type { CropBox } from '../geometry.js';
import type { Response } from '../target/classifier.js';
import { responseAt } from '../target/response.js';

/** Figures of one frame that tell whether the box is on the object. */
export interface Evidence {
  /** Target model's response at the box, over the first frame's peak. */
  readonly response: number;
  /** Highest response elsewhere (further than one box away), over the same peak. */
  readonly rival: number;
  /** Root mean square of the posterior's deviations, relative to the box. */
  readonly spread: number;
  /** Effective sample size of the second round, as a share of its samples. */
  readonly effectiveShare: number;
  /** Log-posterior of the best sample, over that of the first update. */
  readonly height: number;
  /** Log partition function of the posterior, by the first round: low where nothing looks like the object. */
  readonly logZ: number;
}

/** @param box the located one, crop pixels; @param firstHeight log-posterior of the best sample of the first update */
export function evidenceOf(response: Response, box: CropBox, estimate: Estimate, firstHeight: number): Evidence {
  const { axis, scores } = response;
  let rival = 0;
  for (let i = 0; i < scores.length; i++) {
    const dx = (axis.stride * (i % axis.cells) + axis.offset - box.cx) / box.w;
    const dy = (axis.stride * Math.floor(i / axis.cells) + axis.offset - box.cy) / box.h;
    if (Math.max(Math.abs(dx), Math.abs(dy)) > 1) rival = Math.max(rival, scores[i]!);
  }
  const spread = Math.sqrt(estimate.sigma.reduce((sum, value) => sum + value * value, 0) / estimate.sigma.length);
  return {
    response: responseAt(response, box.cx, box.cy),
    rival,
    spread,
    effectiveShare: estimate.effectiveShare,
    height: estimate.best / firstHeight,
    logZ: estimate.logZ,
  };
}

/** How many numbers confidenceInputs() gives. */
export const CONFIDENCE_INPUTS = 6;

/** The evidence as inputs of the logistic regression, about 0 and of about unit size. */
export function confidenceInputs({ response, rival, spread, effectiveShare, height, logZ }: Evidence): number[] {
  return [
    2 * Math.min(1.2, response) - 1,
    Math.min(1.5, Math.max(0, rival) / Math.max(0.1, response)),
    20 * spread - 1,
    2 * effectiveShare - 1,
    2 * Math.min(1.2, Math.max(-0.5, height)) - 1,
    Math.min(3, Math.max(-3, logZ / 10)),
  ];
}

/** Weight of the newest frame's inputs: what one frame shows by chance does not count in full. */
const NEWEST = 0.5;

/** The inputs filtered over time. @param last those of the frames before; undefined: only `now` counts */
export function filterInputs(last: readonly number[] | undefined, now: readonly number[]): readonly number[] {
  return last ? now.map((value, i) => last[i]! + NEWEST * (value - last[i]!)) : now;
}

/**
 * P(IoU > 0.5): a logistic regression, fitted on training sequences (benchmarks/confidence). 0 where inputs are not finite, which weights and
 * settings of absurd size can bring about.
 * @param inputs confidenceInputs(), filtered
 */
export function confidenceOf(inputs: readonly number[], model: ConfidenceModel): number {
  const logit = model.weights.reduce((sum, weight, i) => sum + weight * inputs[i]!, model.bias);
  return Number.isNaN(logit) ? 0 : 1 / (1 + Math.exp(-logit));
}

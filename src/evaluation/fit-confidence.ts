/** Fits the confidence of an imported tracker to results: from then on it is the probability that a box is right, IoU > 0.5. */
import { TrackerError } from '../errors.js';
import { readSafetensors, writeSafetensors } from '../io/safetensors-file.js';
import { curveAt, scaledScoreOf, type ScoreConfidence } from '../published/confidence.js';
import { formatPublished, publishedOf } from '../published/file.js';
import { areaUnderRoc, binsOf, calibrationError, claimsOf, type Claims } from './calibration.js';
import type { ScoredSequence } from './types.js';

export interface FittedConfidence {
  readonly frames: number;
  readonly curve: ScoreConfidence;
  /** Expected calibration error of the confidence that the results hold, and of the fitted one on the same frames. */
  readonly before: number;
  readonly after: number;
  readonly areaUnderRoc: number;
}

/**
 * Writes a copy of an imported tracker whose confidence is fitted to its results.
 * @param head the imported file that made the results
 * @throws TrackerError DATA_INVALID where the results hold no confidence, or no wrong or no right box; MODEL_INVALID, OUTPUT_FAILED
 */
export async function fitConfidence(
  head: string,
  scored: readonly ScoredSequence[],
  out: string,
): Promise<FittedConfidence> {
  const model = publishedOf(await readSafetensors(head), head);
  const { confidence: old } = model.recipe;
  const claims = claimsOf(scored);
  const area = areaUnderRoc(claims);
  if (area === undefined) {
    const right = Array.from(claims.hit).filter(Boolean).length;
    throw new TrackerError(
      'DATA_INVALID',
      `--fit-confidence: ${claims.hit.length} frames with a confidence, ${right} of them right, expected right and wrong ones`,
      { hint: 'fit it to more footage, with losses in it' },
    );
  }
  const known = Array.from(claims.confidence, (value, i) => ({
    score: old ? scaledScoreOf(value, old) : value,
    hit: claims.hit[i]!,
  })).filter(({ score }) => Number.isFinite(score));
  const scores = known.map(({ score }) => score);
  const hit = known.map((claim) => claim.hit);
  const curve = fitLogistic({ confidence: scores, hit });
  await writeSafetensors(out, formatPublished({ ...model, recipe: { ...model.recipe, confidence: curve } }));
  const fitted = scores.map((score) => curveAt(curve, score));
  return {
    frames: hit.length,
    curve,
    before: calibrationError(binsOf(claims)),
    after: calibrationError(binsOf({ confidence: fitted, hit })),
    areaUnderRoc: area,
  };
}

/** Newton's method stops here; it takes about eight steps. */
const MOST_STEPS = 50;
/** Weight of slope^2 / 2: scores that part right from wrong without a fault have no finite slope. */
const RIDGE = 1e-3;

/** P(hit) = 1 / (1 + exp(-(offset + slope c))) by maximum likelihood. */
export function fitLogistic({ confidence, hit }: Claims): ScoreConfidence {
  let [offset, slope] = [0, 0];
  for (let step = 0; step < MOST_STEPS; step++) {
    let [g0, g1, h00, h01, h11] = [0, -RIDGE * slope, 1e-9, 0, RIDGE];
    for (let i = 0; i < confidence.length; i++) {
      const c = confidence[i]!;
      const p = curveAt({ offset, slope }, c);
      const weight = p * (1 - p);
      g0 += hit[i]! - p;
      g1 += (hit[i]! - p) * c;
      h00 += weight;
      h01 += weight * c;
      h11 += weight * c * c;
    }
    const determinant = h00 * h11 - h01 * h01;
    const [d0, d1] = [(h11 * g0 - h01 * g1) / determinant, (h00 * g1 - h01 * g0) / determinant];
    // long steps overshoot where the curve is steep
    const length = Math.min(1, MOST_MOVE / Math.max(Math.abs(d0), Math.abs(d1), 1e-12));
    offset += length * d0;
    slope += length * d1;
    if (Math.abs(d0) + Math.abs(d1) < 1e-8) break;
  }
  return { offset, slope };
}

const MOST_MOVE = 4;

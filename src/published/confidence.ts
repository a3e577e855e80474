/**
 * How sure a published tracker is. Its own figure is the highest score of its filter, which is no probability. Until somebody has fitted a
 * curve to it (`ebm-tracker evaluate --fit-confidence`), the score is only scaled, so that the borders of our states (0.25 lost, 0.5 tracked)
 * lie where the published rules have theirs.
 */
import { z } from 'zod';
import type { Flag } from './localise.js';

/** A curve over the scaled score c: P(IoU > 0.5) = 1 / (1 + exp(-(offset + slope c))). */
export const scoreConfidenceSchema = z.strictObject({ offset: z.number(), slope: z.number() });
export type ScoreConfidence = z.infer<typeof scoreConfidenceSchema>;

/** Borders of the states. */
const LOST = 0.25;
const TRACKED = 0.5;
const UNCERTAIN_MOST = 0.49;

/**
 * @param score the highest score, as the published rules take it
 * @param notFound the object is not found below this score
 */
export function confidenceOf(flag: Flag, score: number, notFound: number, fitted?: ScoreConfidence): number {
  const scaled = scaledScore(flag, score, notFound);
  return fitted ? curveAt(fitted, scaled) : scaled;
}

/** Value of the curve at a scaled score. */
export function curveAt({ offset, slope }: ScoreConfidence, scaled: number): number {
  return 1 / (1 + Math.exp(-(offset + slope * scaled)));
}

/** The scaled score that a fitted confidence was made of. */
export function scaledScoreOf(confidence: number, { offset, slope }: ScoreConfidence): number {
  return (Math.log(confidence / (1 - confidence)) - offset) / slope;
}

function scaledScore(flag: Flag, score: number, notFound: number): number {
  // networks that overflow score NaN
  const scaled = score > 0 ? Math.min(1, (LOST * score) / notFound) : 0;
  switch (flag) {
    case 'not_found':
      return Math.min(scaled, LOST - 0.01);
    case 'uncertain':
      return Math.min(Math.max(scaled, LOST), UNCERTAIN_MOST);
    default:
      return Math.max(scaled, TRACKED);
  }
}

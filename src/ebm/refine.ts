/**
 * Refinement: gradient ascent in relative space on the log-posterior (Gustafsson et al. 2020, section 3; Danelljan et al. 2019),
 * with the gradient by central differences: the density is all that is asked of a posterior. A step that does not raise the density is taken back, and that box's step is halved.
 */
import type { LogDensity } from './posterior.js';
import { concat, DIMENSIONS } from './proposal.js';

/** Half of the distance between the two boxes of a difference: far above the rounding of single precision, far below the width of a mode. */
const STEP = 0.01;

export interface RefineSettings {
  readonly steps: number;
  /** Step length: y moves by rate times gradient. */
  readonly rate: number;
  /** No coordinate moves further than this in one step. */
  readonly maxStep: number;
  /** Limits about the last box: place in units of its size, log size, log aspect. */
  readonly maxPlace: number;
  readonly maxLogSize: number;
  readonly maxLogAspect: number;
}

/**
 * @param start [N, 4]
 * @returns the best boxes seen from each start, and their log-density
 */
export async function ascend(
  density: LogDensity,
  start: Float32Array,
  settings: RefineSettings,
): Promise<{ y: Float32Array; values: Float32Array }> {
  const best = start.slice();
  limit(best, settings);
  const first = await valuesAndGradients(density, best);
  const bestValues = first.values;
  const bestGradients = first.gradients;
  const rates = new Float32Array(bestValues.length).fill(settings.rate);
  for (let step = 0; step < settings.steps; step++) {
    const next = best.map((value, i) => {
      const move = rates[Math.floor(i / DIMENSIONS)]! * bestGradients[i]!;
      return value + Math.min(settings.maxStep, Math.max(-settings.maxStep, move));
    });
    limit(next, settings);
    const { values, gradients } = await valuesAndGradients(density, next);
    for (let n = 0; n < values.length; n++) {
      if (values[n]! > bestValues[n]!) {
        bestValues[n] = values[n]!;
        for (let i = DIMENSIONS * n; i < DIMENSIONS * (n + 1); i++) {
          best[i] = next[i]!;
          bestGradients[i] = gradients[i]!;
        }
      } else {
        rates[n]! *= 0.5;
      }
    }
  }
  return { y: best, values: bestValues };
}

/** The density and its gradient, in one batch: each box, then by each coordinate the box a step below it and the one a step above. */
async function valuesAndGradients(
  density: LogDensity,
  y: Float32Array,
): Promise<{ values: Float32Array; gradients: Float32Array }> {
  const beside = Array.from({ length: DIMENSIONS }, (_, d) => [moved(y, d, -STEP), moved(y, d, STEP)]).flat();
  const all = await density.values(concat([y, ...beside]));
  const count = y.length / DIMENSIONS;
  const valueOf = (n: number, part: number): number => all[part * count + n]!;
  const gradients = y.map((_, i) => {
    const [n, d] = [Math.floor(i / DIMENSIONS), i % DIMENSIONS];
    return (valueOf(n, 2 * d + 2) - valueOf(n, 2 * d + 1)) / (2 * STEP);
  });
  return { values: all.slice(0, count), gradients };
}

/** All boxes, moved along one coordinate. */
function moved(y: Float32Array, coordinate: number, by: number): Float32Array {
  return y.map((value, i) => (i % DIMENSIONS === coordinate ? value + by : value));
}

/** Keeps place, size and aspect of each box within the limits, in place. */
function limit(y: Float32Array, { maxPlace, maxLogSize, maxLogAspect }: RefineSettings): void {
  const clamp = (value: number, most: number): number => Math.min(most, Math.max(-most, value));
  for (let i = 0; i < y.length; i += DIMENSIONS) {
    y[i] = clamp(y[i]!, maxPlace);
    y[i + 1] = clamp(y[i + 1]!, maxPlace);
    const size = clamp((y[i + 2]! + y[i + 3]!) / 2, maxLogSize);
    const aspect = clamp(y[i + 2]! - y[i + 3]!, maxLogAspect) / 2;
    y[i + 2] = size + aspect;
    y[i + 3] = size - aspect;
  }
}

/** Labels of the filter: the wanted score of each cell of a sample. */
import { OPTIMISER } from './architecture.js';
import type { PublishedModel } from './file.js';
import { cellsOf } from './look-graph.js';
import type { Box } from './memory.js';

/** Label of one sample; cells of the scores row by row; see filter-graph.ts. */
export interface Label {
  readonly label: Float32Array;
  /** Mask of dimp and simple. */
  readonly mask?: Float32Array;
  /** Weight of each cell in dimp and simple, without the sample's own weight. */
  readonly weight?: Float32Array;
}

export type Labeller = (box: Box) => Label;

const STRIDE = 16;

/** @param size the object's in the first crop, pixels: rows, columns */
export function createLabeller(
  { recipe: { filter, rules }, weights }: PublishedModel,
  size: readonly [number, number],
): Labeller {
  const side = cellsOf(rules.size) + 1;
  const perCell = (box: Box, value: (distance: number) => number): Float32Array => distances(box, side).map(value);
  switch (filter.family) {
    case 'dimp': {
      const table = (name: string): ((distance: number) => number) => {
        const { data } = weights[`${OPTIMISER}.${name}.weight`]!;
        return (distance) => lookUp(data, distance / filter.bin);
      };
      const [label, mask, weight] = ['label_map_predictor', 'target_mask_predictor.0', 'spatial_weight_predictor'].map(
        table,
      );
      return (box) => ({
        label: perCell(box, label!),
        mask: perCell(box, (distance) => 1 / (1 + Math.exp(-mask!(distance)))),
        weight: perCell(box, weight!),
      });
    }
    case 'prdimp':
      return (box) => ({ label: density(perCell(box, gaussian(filter.sigma)), filter.sigma, filter.normalised) });
    case 'simple': {
      const sigma = Math.sqrt((size[0] / STRIDE) * (size[1] / STRIDE)) / 4;
      return (box) => {
        const label = perCell(box, gaussian(sigma));
        const mask = label.map((value) => Math.min((value > filter.hinge ? 1 : 0) + filter.leak, 1));
        return {
          label: label.map((value, i) => value * mask[i]!),
          mask,
          weight: new Float32Array(side * side).fill(1),
        };
      };
    }
  }
}

/** Distance of each cell from the box's centre, in cells. */
function distances([x, y, w, h]: Box, side: number): Float32Array {
  const [row, column] = [(y + h / 2) / STRIDE, (x + w / 2) / STRIDE];
  return Float32Array.from({ length: side * side }, (_, cell) =>
    Math.hypot(Math.floor(cell / side) - row, (cell % side) - column),
  );
}

/** Interpolates a table linearly; beyond its end the last entry counts. */
function lookUp(table: Float32Array, at: number): number {
  const low = Math.floor(at);
  if (low >= table.length - 1) return table.at(-1)!;
  return table[low]! * (1 - (at - low)) + table[low + 1]! * (at - low);
}

const gaussian =
  (sigma: number) =>
  (distance: number): number =>
    Math.exp(-(distance * distance) / (2 * sigma * sigma));

function density(values: Float32Array, sigma: number, normalised: boolean): Float32Array {
  const scaled = values.map((value) => value / (2 * Math.PI * sigma * sigma));
  if (!normalised) return scaled;
  const sum = scaled.reduce((a, b) => a + b, 0);
  return scaled.map((value) => value / (sum + 1e-8));
}

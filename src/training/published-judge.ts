/** How good the boxes of a published tracker get on held-out crops, refined by its own rules. */
import { intersectionOverUnion, type FrameBox } from '../geometry.js';
import type { OnnxOptions } from '../platform.js';
import { FILTER_SIDE } from '../published/architecture.js';
import type { PublishedModel } from '../published/file.js';
import type { Box } from '../published/memory.js';
import { openPublished, type PublishedNetworks } from '../published/networks.js';
import { STARTS } from '../published/object.js';
import { bestBox, startBoxes } from '../published/refine.js';
import type { Reference } from '../published/refiner.js';
import { createRandom } from '../random.js';
import type { CropStore } from './published-crops.js';

/**
 * Step lengths of the ascent that are tried, times the published one. Energies of one objective are sharper than those of another, and the step that
 * reaches the top of a density is its variance: 0.05^2 for KLD-IS, 0.03^2 for NCE+.
 */
const STEPS = [0.125, 0.25, 0.5, 1, 2];

export interface PublishedFigures extends Record<string, number> {
  /** Mean IoU of the box that refinement ends with, at the best step length. */
  readonly iou: number;
  /** Mean IoU of the box that it begins at. */
  readonly start: number;
  /** The best step length. */
  readonly step_length: number;
}

const frameBox = ([x, y, w, h]: Box): FrameBox => ({ x, y, w, h });

/** @throws TrackerError MODEL_INVALID, RUNTIME_UNAVAILABLE */
export async function scorePublished(
  model: PublishedModel,
  crops: CropStore,
  options: OnnxOptions,
): Promise<PublishedFigures> {
  const { rules } = model.recipe;
  const networks = await openPublished(model, options);
  const tried = STEPS.map((factor) => ({ step: factor * rules.step, sum: 0 }));
  const random = createRandom(7);
  // the classifier is asked nothing: it is not what is learned
  const filter = new Float32Array(FILTER_SIDE ** 2 * model.recipe.widths.filter);
  let [start, count] = [0, 0];
  try {
    for (const { templates, searches } of crops.byObject()) {
      const reference = await referenceOf(networks, crops, templates[0]!);
      for (const index of searches) {
        const { box, base } = crops.entries[index]!;
        const truth = frameBox(box);
        const [sight] = await networks.look([{ pixels: crops.read(index), filter }]);
        const starts = startBoxes(base, STARTS, random);
        for (const one of tried) {
          const refined = await networks.refine(sight!, reference, starts, one.step);
          one.sum += intersectionOverUnion(frameBox(bestBox(refined) ?? base), truth);
        }
        start += intersectionOverUnion(frameBox(base), truth);
        count++;
      }
    }
  } finally {
    await networks.release();
  }
  const { sum, step } = tried.reduce((best, one) => (one.sum > best.sum ? one : best));
  return { iou: sum / count, start: start / count, step_length: step };
}

async function referenceOf(networks: PublishedNetworks, crops: CropStore, index: number): Promise<Reference> {
  return networks.refer(await networks.begin(crops.read(index)), crops.entries[index]!.box);
}

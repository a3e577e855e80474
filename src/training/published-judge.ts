/** How good the boxes of a published tracker get on held-out crops, refined by its own rules. */
import { intersectionOverUnion, type FrameBox } from '../geometry.js';
import type { OnnxOptions } from '../platform.js';
import type { PublishedModel } from '../published/file.js';
import type { Box } from '../published/memory.js';
import { openPublished, type PublishedNetworks, type Reference } from '../published/networks.js';
import { FILTER_SIDE } from '../published/architecture.js';
import { STARTS } from '../published/object.js';
import { bestBox, startBoxes } from '../published/refine.js';
import { createRandom } from '../random.js';
import type { CropStore } from './published-crops.js';

const frameBox = ([x, y, w, h]: Box): FrameBox => ({ x, y, w, h });

/**
 * Means over all searched crops: `start`, the IoU of the box that refinement begins at, and `iou`, that of the box it ends with.
 * @throws TrackerError MODEL_INVALID, RUNTIME_UNAVAILABLE
 */
export async function scorePublished(
  model: PublishedModel,
  crops: CropStore,
  options: OnnxOptions,
): Promise<{ iou: number; start: number }> {
  const networks = await openPublished(model, options);
  const random = createRandom(7);
  // the classifier is asked nothing: it is not what is learned
  const filter = new Float32Array(FILTER_SIDE ** 2 * model.recipe.widths.filter);
  const sums = { iou: 0, start: 0, count: 0 };
  try {
    for (const { templates, searches } of crops.byObject()) {
      const reference = await referenceOf(networks, crops, templates[0]!);
      for (const index of searches) {
        const { box, base } = crops.entries[index]!;
        const [sight] = await networks.look([{ pixels: crops.read(index), filter }]);
        const refined = await networks.refine(sight!, reference, startBoxes(base, STARTS, random));
        sums.iou += intersectionOverUnion(frameBox(bestBox(refined) ?? base), frameBox(box));
        sums.start += intersectionOverUnion(frameBox(base), frameBox(box));
        sums.count++;
      }
    }
  } finally {
    await networks.release();
  }
  return { iou: sums.iou / sums.count, start: sums.start / sums.count };
}

async function referenceOf(networks: PublishedNetworks, crops: CropStore, index: number): Promise<Reference> {
  return networks.refer(await networks.begin(crops.read(index)), crops.entries[index]!.box);
}

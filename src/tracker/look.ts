/** Makes sights of search regions: the frame is cropped, then the networks look at the crops. */
import type { SearchRegion } from '../geometry.js';
import { mirror, regionWindow, resample, resampleInput, writeInput } from '../image/crop.js';
import type { Frame } from '../image/frame.js';
import type { BackboneEntry } from '../features/manifest.js';
import type { FloatTensor } from '../platform.js';
import { colourGrid, type ColourGrid } from '../target/colour.js';
import type { Networks, RegionMaps, Wanted } from './networks.js';
import type { Stopwatch } from './stopwatch.js';

/** Output of the networks for one search region, and the colours of its crop. */
export interface Sight extends RegionMaps {
  readonly grid: ColourGrid;
}

/** Crops in one run of the backbone at most: the memory of a run grows with them. */
const BATCH = 8;

/**
 * Looks at one region for each object, BATCH of them at once.
 * @param regions one for each of the wanted
 */
export async function look(
  { cropper, networks, stopwatch }: Looking,
  frame: Frame,
  regions: readonly SearchRegion[],
  wanted: readonly Wanted[],
): Promise<Sight[]> {
  const sights: Sight[] = [];
  for (let at = 0; at < wanted.length; at += BATCH) {
    const batch = regions.slice(at, at + BATCH);
    const [crops, grids] = await stopwatch.time('crop', async () => {
      const cropped = cropper.crop(frame, batch);
      return [cropped, batch.map((_, index) => cropper.coloursOf(cropped, index))] as const;
    });
    const maps = await networks.search(crops, wanted.slice(at, at + BATCH));
    sights.push(...maps.map((map, index) => ({ ...map, grid: grids[index]! })));
  }
  return sights;
}

export interface Looking {
  readonly cropper: Cropper;
  readonly networks: Networks;
  readonly stopwatch: Stopwatch;
}

/** Crops of a frame as the backbone takes them, [B, 3, S, S] or [B, S, S, 3]. A tensor is valid until the next call. */
export interface Cropper {
  crop(frame: Frame, regions: readonly SearchRegion[]): FloatTensor;
  /** One region, turned left to right. */
  cropMirrored(frame: Frame, region: SearchRegion): FloatTensor;
  /** Colours of one crop of a batch. */
  coloursOf(crops: FloatTensor, index: number): ColourGrid;
}

/** @param side of a crop, pixels */
export function createCropper(side: number, { input }: Pick<BackboneEntry, 'input'>): Cropper {
  const length = 3 * side * side;
  // the same memory each time: a new megabyte a frame has to be cleared, and collected
  let memory = new Float32Array(0);
  const room = (count: number): FloatTensor & { data: Float32Array } => {
    if (memory.length < count * length) memory = new Float32Array(count * length);
    const dims = input.layout === 'NCHW' ? [count, 3, side, side] : [count, side, side, 3];
    return { data: memory.subarray(0, count * length), dims };
  };
  return {
    crop(frame, regions) {
      const crops = room(regions.length);
      for (const [index, region] of regions.entries())
        resampleInput(frame, regionWindow(region), input, crops.data, index);
      return crops;
    },
    cropMirrored(frame, region) {
      const crop = room(1);
      const rgb = resample(frame, regionWindow(region));
      mirror(rgb, region.out);
      writeInput(rgb, input, crop.data, 0);
      return crop;
    },
    coloursOf: ({ data }, index) => colourGrid(data.subarray(index * length, (index + 1) * length), side, input),
  };
}

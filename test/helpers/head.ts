/** A small head with random weights. */
import type { HeadConfig, HeadModel, MapGeometry } from '../../src/ebm/head.js';
import { createRandom } from '../../src/random.js';
import { initialiseHead } from '../../src/training/initialise.js';

export const SMALL_HEAD: HeadConfig = {
  fineIn: 12,
  coarseIn: 16,
  fine: 16,
  coarse: 32,
  dense: 24,
  match: 20,
  recent: 12,
  context: 10,
  hidden: 16,
  modulation: 12,
  proposal: 16,
};

export const SMALL_GEOMETRY: MapGeometry = {
  fine: { cells: 16, stride: 8, offset: 4.3 },
  coarse: { cells: 8, stride: 16, offset: 7.1 },
  cropSize: 128,
};

/** For tests that train on the plain JavaScript backend. */
export const TINY_HEAD: HeadConfig = {
  fineIn: 8,
  coarseIn: 8,
  fine: 8,
  coarse: 8,
  dense: 16,
  match: 8,
  recent: 8,
  context: 8,
  hidden: 8,
  modulation: 8,
  proposal: 8,
};

export const TINY_GEOMETRY: MapGeometry = {
  fine: { cells: 8, stride: 8, offset: 4.3 },
  coarse: { cells: 4, stride: 16, offset: 7.1 },
  cropSize: 64,
};

export function smallHead(seed = 1): HeadModel {
  const random = createRandom(seed);
  const weights = initialiseHead(SMALL_HEAD, random);
  // no layer at its zero start, so that every path carries numbers
  for (const { data } of Object.values(weights))
    for (let i = 0; i < data.length; i++) data[i]! += 0.15 * random.normal();
  return { config: SMALL_HEAD, geometry: SMALL_GEOMETRY, weights };
}

/** Positive random maps, as a backbone gives them. */
export function randomMaps(seed: number): { fine: Float32Array; coarse: Float32Array } {
  const random = createRandom(seed);
  const make = (channels: number, cells: number): Float32Array =>
    Float32Array.from({ length: channels * cells * cells }, () => Math.max(0, random.normal()));
  return {
    fine: make(SMALL_HEAD.fineIn, SMALL_GEOMETRY.fine.cells),
    coarse: make(SMALL_HEAD.coarseIn, SMALL_GEOMETRY.coarse.cells),
  };
}

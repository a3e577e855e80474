/**
 * Images of synthetic fluorescence cells, after the published recipe: SIMCEP (Lehmussola et al., "Computational framework for simulating
 * fluorescence microscope images with cell populations", 2007), as used by Lempitsky and Zisserman (2010) and for Cell-200.
 *
 * Objects first: cells of random size, eccentricity, outline (a circle whose radius varies with the angle), texture and stain, part of them
 * in clusters, overlap limited but not excluded, so that crowded images hide cells. Then the optics: each cell lies in a focal plane and is
 * blurred with it, uneven illumination, autofluorescence. Then the detector: photon noise, read-out noise, 8 bit. Our own code and
 * constants: the counts compare with nobody's Cell-200.
 */
import { createRandom, type Random } from '../../../src/random.js';
import { TASKS, type ImageSet } from './data.js';

export interface CellOptions {
  readonly side: number;
  /** Mean radius in pixels, and its deviation, relative. */
  readonly radius: number;
  readonly radiusSpread: number;
  /** Longest against shortest half axis, at most. */
  readonly elongation: number;
  /** Waves of the outline, relative to the radius, for each harmonic. */
  readonly outline: number;
  /** Brightness of one cell in focus, of full scale, and its deviation, relative. */
  readonly stain: number;
  readonly stainSpread: number;
  /** Share of cells that are put beside an earlier one (SIMCEP's clustering probability). */
  readonly clustered: number;
  /** Share of its area that a cell may lie under others; given up after some tries, since 200 cells need not fit. */
  readonly overlap: number;
  /** Gaussian blur of the focal planes, pixels. */
  readonly planes: readonly number[];
  /** Deviation of the image's exposure, relative: brightness alone does not tell the count. */
  readonly exposureSpread: number;
  /** Fall-off of the illumination towards one side, at most. */
  readonly unevenness: number;
  /** Autofluorescence of the medium, of full scale. */
  readonly background: number;
  /** Electrons at full scale: photon noise is the root of them. */
  readonly fullWell: number;
  /** Deviation of the read-out noise, of full scale (SIMCEP: variance 1e-4). */
  readonly readNoise: number;
}

export const CELL_OPTIONS: CellOptions = {
  side: TASKS.cells.side,
  radius: 1.9,
  radiusSpread: 0.16,
  elongation: 1.7,
  outline: 0.08,
  stain: 0.42,
  stainSpread: 0.2,
  clustered: 0.25,
  overlap: 0.4,
  planes: [0.35, 0.6, 0.9, 1.4],
  exposureSpread: 0.1,
  unevenness: 0.25,
  background: 0.03,
  fullWell: 600,
  readNoise: 0.01,
};

export interface Cell {
  readonly x: number;
  readonly y: number;
  /** Half axes, pixels, and the angle of the first. */
  readonly a: number;
  readonly b: number;
  readonly angle: number;
  /** Cosine and sine parts of the outline's harmonics from the second on: 4 numbers. */
  readonly harmonics: readonly number[];
  readonly stain: number;
  readonly plane: number;
}

const TRIES = 12;

/** The cells of one image: what is drawn, and so the truth. */
export function placeCells(count: number, options: CellOptions, random: Random): Cell[] {
  const cells: Cell[] = [];
  while (cells.length < count) cells.push(placeCell(cells, options, random));
  return cells;
}

function placeCell(others: readonly Cell[], options: CellOptions, random: Random): Cell {
  const radius = options.radius * Math.exp(options.radiusSpread * random.normal());
  const stretch = Math.sqrt(1 + (options.elongation - 1) * random.uniform());
  const shape = {
    a: radius * stretch,
    b: radius / stretch,
    angle: Math.PI * random.uniform(),
    harmonics: Array.from({ length: 4 }, () => options.outline * random.normal()),
    stain: options.stain * Math.exp(options.stainSpread * random.normal()),
    plane: random.integer(options.planes.length),
  };
  let place = drawPlace(others, radius, options, random);
  for (let i = 0; i < TRIES && hiddenShare(place, radius, others) > options.overlap; i++) {
    place = drawPlace(others, radius, options, random);
  }
  return { ...place, ...shape };
}

interface Place {
  readonly x: number;
  readonly y: number;
}

/** Anywhere, or about one to two diameters from an earlier cell. Centres stay inside, so that each cell can be seen. */
function drawPlace(others: readonly Cell[], radius: number, { side, clustered }: CellOptions, random: Random): Place {
  const inside = (value: number): number => Math.min(side - 1, Math.max(1, value));
  if (others.length === 0 || random.uniform() >= clustered) {
    return { x: 1 + (side - 2) * random.uniform(), y: 1 + (side - 2) * random.uniform() };
  }
  const neighbour = others[random.integer(others.length)]!;
  const distance = radius * (1.5 + 2 * random.uniform());
  const direction = 2 * Math.PI * random.uniform();
  return {
    x: inside(neighbour.x + distance * Math.cos(direction)),
    y: inside(neighbour.y + distance * Math.sin(direction)),
  };
}

/** Share of a disc that lies under the other cells, roughly: as discs, each counted by itself. */
function hiddenShare({ x, y }: Place, radius: number, others: readonly Cell[]): number {
  let hidden = 0;
  for (const other of others) {
    const square = (other.x - x) ** 2 + (other.y - y) ** 2;
    const reach = Math.sqrt(other.a * other.b) + radius;
    if (square >= reach * reach) continue;
    hidden += Math.min(1, (1 - Math.sqrt(square) / reach) ** 2 * (reach / radius));
  }
  return hidden;
}

/** One image of `count` cells. @returns [side, side], 0 to 255 */
export function drawCells(count: number, random: Random, options: CellOptions = CELL_OPTIONS): Uint8Array {
  const { side } = options;
  const cells = placeCells(count, options, random);
  const light = new Float32Array(side * side);
  for (const [plane, blur] of options.planes.entries()) {
    const layer = new Float32Array(side * side);
    for (const cell of cells) if (cell.plane === plane) addCell(layer, cell, side, random);
    addBlurred(light, layer, side, blur);
  }
  return expose(light, options, random);
}

/** Steepness of a cell's edge: its light falls from .9 to .1 over half a pixel. */
const EDGE = 4.4;
/** Beyond so many radii there is nothing to draw. */
const FAR = 2.5;
/** Fall-off of the brightness towards the edge, and the depth of the texture. */
const DOME = 0.35;
const TEXTURE = 0.15;

function addCell(layer: Float32Array, cell: Cell, side: number, random: Random): void {
  const reach = Math.ceil(1.4 * cell.a) + 1;
  const [cos, sin] = [Math.cos(cell.angle), Math.sin(cell.angle)];
  const mean = Math.sqrt(cell.a * cell.b);
  for (let row = clampTo(cell.y - reach, side); row < clampTo(cell.y + reach + 1, side); row++) {
    for (let column = clampTo(cell.x - reach, side); column < clampTo(cell.x + reach + 1, side); column++) {
      const [dx, dy] = [column + 0.5 - cell.x, row + 0.5 - cell.y];
      const u = (cos * dx + sin * dy) / cell.a;
      const v = (cos * dy - sin * dx) / cell.b;
      const rho = Math.sqrt(u * u + v * v) / outline(u, v, cell.harmonics);
      if (rho > FAR) continue;
      const coverage = 1 / (1 + Math.exp(EDGE * mean * (rho - 1)));
      const texture = 1 + TEXTURE * random.normal();
      layer[row * side + column]! += cell.stain * coverage * (1 - DOME * Math.min(1, rho * rho)) * texture;
    }
  }
}

function clampTo(value: number, side: number): number {
  return Math.min(side, Math.max(0, Math.floor(value)));
}

/** Radius in the direction (u, v), of the ellipse's: second and third harmonics of the angle, without computing it. */
function outline(u: number, v: number, harmonics: readonly number[]): number {
  const [c2, s2, c3, s3] = harmonics as [number, number, number, number];
  const square = u * u + v * v + 1e-12;
  const second = c2 * (u * u - v * v) + s2 * 2 * u * v;
  const third = c3 * u * (u * u - 3 * v * v) + s3 * v * (3 * u * u - v * v);
  return 1 + second / square + third / (square * Math.sqrt(square));
}

/** target += Gaussian blur of layer; light that leaves the image is lost, as under a microscope. */
function addBlurred(target: Float32Array, layer: Float32Array, side: number, sigma: number): void {
  const reach = Math.ceil(3 * sigma);
  const kernel = Array.from({ length: 2 * reach + 1 }, (_, i) => Math.exp(-0.5 * ((i - reach) / sigma) ** 2));
  const sum = kernel.reduce((a, b) => a + b, 0);
  const rows = new Float32Array(side * side);
  for (let at = 0; at < layer.length; at++) {
    const value = layer[at]! / sum;
    if (value === 0) continue;
    const column = at % side;
    for (let k = Math.max(-reach, -column); k <= Math.min(reach, side - 1 - column); k++) {
      rows[at + k]! += value * kernel[k + reach]!;
    }
  }
  for (let at = 0; at < rows.length; at++) {
    const value = rows[at]! / sum;
    if (value === 0) continue;
    const row = Math.floor(at / side);
    for (let k = Math.max(-reach, -row); k <= Math.min(reach, side - 1 - row); k++) {
      target[at + k * side]! += value * kernel[k + reach]!;
    }
  }
}

/** Illumination, autofluorescence, noise, 8 bit. */
function expose(light: Float32Array, options: CellOptions, random: Random): Uint8Array {
  const { side, background, fullWell, readNoise } = options;
  const exposure = Math.exp(options.exposureSpread * random.normal());
  const direction = 2 * Math.PI * random.uniform();
  const slope = options.unevenness * random.uniform();
  const image = new Uint8Array(side * side);
  for (let at = 0; at < image.length; at++) {
    const across = ((at % side) / side - 0.5) * Math.cos(direction);
    const down = (Math.floor(at / side) / side - 0.5) * Math.sin(direction);
    const signal = Math.max(0, exposure * (1 + slope * (across + down)) * (light[at]! + background));
    // a Poisson count of hundreds of electrons is all but normal
    const noise = Math.sqrt(signal / fullWell) * random.normal() + readNoise * random.normal();
    image[at] = Math.min(255, Math.max(0, Math.round(255 * (signal + noise))));
  }
  return image;
}

/** Far apart, so that sets of neighbouring seeds share no image. */
const SEED_STRIDE = 1_000_003;

/** N images with counts drawn evenly from 1 to 200. Image i depends on the seed and on i alone, not on N. */
export function generateCells(count: number, seed: number, options: CellOptions = CELL_OPTIONS): ImageSet {
  const { min, max } = TASKS.cells.axes[0]!;
  const pixels = options.side * options.side;
  const images = new Uint8Array(count * pixels);
  const targets = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    const random = createRandom(seed * SEED_STRIDE + i);
    targets[i] = min + random.integer(max - min + 1);
    images.set(drawCells(targets[i]!, random, options), i * pixels);
  }
  return { images, targets };
}

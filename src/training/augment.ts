/** Jittered training crops: the place, size, aspect and look that a search crop may have when the tracker runs. */
import { cropBox, type CropBox, type FrameBox, type Size } from '../geometry.js';
import { mirror, resample, type CropWindow } from '../image/crop.js';
import type { Frame } from '../image/frame.js';
import { createRandom, type Random } from '../random.js';

export interface CropJitter {
  /** Side of the search region over sqrt(w h) of the (jittered) last box, and of the crop in pixels. */
  readonly searchFactor: number;
  readonly cropSize: number;
  /** Deviation of the common log size, and of each side's own. */
  readonly scale: number;
  readonly side: number;
  /** In this share of crops the last box is further off: both deviations of its size, and `near`, are so many times as large. */
  readonly wideShare: number;
  readonly wide: number;
  /** Share of crops with a small shift (normal, `near` of sqrt(w h)); the others shift evenly up to `far`. */
  readonly nearShare: number;
  readonly near: number;
  readonly far: number;
  /** Deviation of the crop's log aspect: stretches the picture itself (photographs). */
  readonly stretch: number;
  /** Deviation of the picture's turn about the object's centre, radians (photographs). */
  readonly turn: number;
  /** Share of crops in which a piece of the surroundings covers a part of the object. */
  readonly occluded: number;
  /** Share of crops in which what lies outside the picture is another picture, not the repeated border. */
  readonly backdrop: number;
}

export const SEQUENCE_JITTER: CropJitter = {
  searchFactor: 4.4,
  cropSize: 288,
  scale: 0.2,
  side: 0.12,
  wideShare: 0.25,
  wide: 2.2,
  nearShare: 0.5,
  near: 0.35,
  far: 1.5,
  stretch: 0,
  turn: 0,
  occluded: 0.08,
  backdrop: 0,
};
/** Jitter of photographs, which are also stretched, turned and put before another picture. */
export const PHOTO_JITTER: CropJitter = {
  ...SEQUENCE_JITTER,
  stretch: 0.08,
  turn: 0.12,
  backdrop: 0.7,
};

export interface TrainingCrop {
  /** RGB [S, S, 3], 0..255 */
  readonly rgb: Float32Array;
  /** The truth, crop pixels. */
  readonly box: CropBox;
  /** Size of the last box that the crop pretends to be made about, crop pixels. */
  readonly lastWidth: number;
  readonly lastHeight: number;
}

/** A last box is at most so many times as large or as small, in log size: a tracker's box is seldom further off. */
const MAX_LOG_SIZE = 0.9;

const limit = (value: number, most: number): number => Math.min(most, Math.max(-most, value));

/**
 * @param box the object in the frame
 * @param flip mirror the crop left to right
 * @param behind picture that may show outside the frame: photographs are often filled by their object, footage seldom is
 */
export function jitteredCrop(
  frame: Frame,
  box: FrameBox,
  flip: boolean,
  jitter: CropJitter,
  random: Random,
  behind?: Frame,
): TrainingCrop {
  const { cropSize: out, searchFactor } = jitter;
  const off = random.uniform() < jitter.wideShare ? jitter.wide : 1;
  const scale = off * jitter.scale * random.normal();
  const logSide = (): number => limit(scale + off * jitter.side * random.normal(), MAX_LOG_SIZE);
  const lastWidth = box.w * Math.exp(logSide());
  const lastHeight = box.h * Math.exp(logSide());
  const reach = Math.sqrt(lastWidth * lastHeight);
  const near = random.uniform() < jitter.nearShare;
  const shift = (): number => (near ? off * jitter.near * random.normal() : jitter.far * (2 * random.uniform() - 1));
  const stretch = Math.exp(jitter.stretch * random.normal());
  const width = searchFactor * reach * stretch;
  const height = (searchFactor * reach) / stretch;
  const cx = box.x + box.w / 2 + shift() * reach;
  const cy = box.y + box.h / 2 + shift() * reach;
  const centre = {
    x: ((box.x + box.w / 2 - cx) * out) / width + out / 2,
    y: ((box.y + box.h / 2 - cy) * out) / height + out / 2,
  };
  const angle = jitter.turn * random.normal();
  const sides = turnedSides((box.w * out) / width, (box.h * out) / height, angle);
  const backdrop = behind && random.uniform() < jitter.backdrop ? behind : undefined;
  const rgb = turned({ cx, cy, width, height, out }, centre, angle, (window) => {
    const picture = resample(frame, window);
    if (backdrop) fillOutside(picture, window, frame, backdrop, random);
    return picture;
  });
  const truth = cropBox(centre.x, centre.y, sides.w, sides.h);
  if (random.uniform() < jitter.occluded) occlude(rgb, out, truth, random);
  // the last box keeps the area that the search factor says, whatever the stretch
  const lastW = (lastWidth * out) / width;
  const lastH = (lastHeight * out) / height;
  const norm = out / searchFactor / Math.sqrt(lastW * lastH);
  if (flip) mirror(rgb, out);
  changeLook(rgb, out, random);
  return {
    rgb,
    box: flip ? cropBox(out - truth.cx, truth.cy, truth.w, truth.h) : truth,
    lastWidth: lastW * norm,
    lastHeight: lastH * norm,
  };
}

/** Sides of the box about an ellipse of sides w x h that is turned: an object seldom fills its box's corners. */
export function turnedSides(w: number, h: number, angle: number): { w: number; h: number } {
  const cos = Math.cos(angle);
  const sin = Math.sin(angle);
  return { w: Math.hypot(w * cos, h * sin), h: Math.hypot(w * sin, h * cos) };
}

/** Deviations of a box that is not the thing's own: of its place in sizes of the box, and of the log of each side; and how far it goes at most. */
const LOOSE_PLACE = 0.13;
const LOOSE_SIDE = 0.24;
const LOOSEST_PLACE = 0.3;
const LOOSEST_SIDE = 0.45;

/**
 * A box about a thing as somebody may draw it: with a part of the thing, or with more than it. A head that learns from boxes of whole things alone
 * grows or shrinks such a box to the whole thing.
 */
export function loosened({ x, y, w, h }: FrameBox, frame: Size, random: Random): FrameBox {
  const shift = (): number => limit(LOOSE_PLACE * random.normal(), LOOSEST_PLACE);
  const side = (length: number): number => length * Math.exp(limit(LOOSE_SIDE * random.normal(), LOOSEST_SIDE));
  const [cx, cy, width, height] = [x + (0.5 + shift()) * w, y + (0.5 + shift()) * h, side(w), side(h)];
  const left = Math.max(0, cx - width / 2);
  const top = Math.max(0, cy - height / 2);
  return {
    x: left,
    y: top,
    w: Math.min(frame.width, cx + width / 2) - left,
    h: Math.min(frame.height, cy + height / 2) - top,
  };
}

/** Room about the window that a turned crop may show, in sides of the crop. */
const TURN_ROOM = 1.4;

/** The window with its picture turned about a point of the crop (crop pixels). */
function turned(
  window: CropWindow,
  pivot: { x: number; y: number },
  angle: number,
  picture: (window: CropWindow) => Float32Array,
): Float32Array {
  if (angle === 0) return picture(window);
  const { out } = window;
  const size = Math.round(TURN_ROOM * out);
  const room = size / out;
  const wide = picture({ ...window, width: window.width * room, height: window.height * room, out: size });
  const margin = (size - out) / 2;
  const cos = Math.cos(angle);
  const sin = Math.sin(angle);
  const result = new Float32Array(3 * out * out);
  const inside = (value: number): number => Math.min(size - 1, Math.max(0, value));
  for (let row = 0, at = 0; row < out; row++) {
    for (let column = 0; column < out; column++) {
      const dx = column + 0.5 - pivot.x;
      const dy = row + 0.5 - pivot.y;
      const x = pivot.x + cos * dx + sin * dy + margin - 0.5;
      const y = pivot.y - sin * dx + cos * dy + margin - 0.5;
      const left = Math.floor(x);
      const top = Math.floor(y);
      const u = x - left;
      const v = y - top;
      const a = 3 * (inside(top) * size + inside(left));
      const b = 3 * (inside(top) * size + inside(left + 1));
      const c = 3 * (inside(top + 1) * size + inside(left));
      const d = 3 * (inside(top + 1) * size + inside(left + 1));
      for (let k = 0; k < 3; k++) {
        const upper = wide[a + k]! * (1 - u) + wide[b + k]! * u;
        const lower = wide[c + k]! * (1 - u) + wide[d + k]! * u;
        result[at++] = upper * (1 - v) + lower * v;
      }
    }
  }
  return result;
}

/** Writes another picture over the pixels of a crop that lie outside the frame. */
function fillOutside(rgb: Float32Array, window: CropWindow, frame: Frame, behind: Frame, random: Random): void {
  const { out } = window;
  const other = pieceOf(behind, out, random);
  const edge = (centre: number, size: number, at: number): number => ((at - centre) / size + 0.5) * out - 0.5;
  const left = edge(window.cx, window.width, 0);
  const right = edge(window.cx, window.width, frame.width);
  const top = edge(window.cy, window.height, 0);
  const bottom = edge(window.cy, window.height, frame.height);
  for (let row = 0, at = 0; row < out; row++) {
    for (let column = 0; column < out; column++, at += 3) {
      if (row >= top && row <= bottom && column >= left && column <= right) continue;
      rgb[at] = other[at]!;
      rgb[at + 1] = other[at + 1]!;
      rgb[at + 2] = other[at + 2]!;
    }
  }
}

/** A square piece of a picture, half to all of its shorter side. @returns RGB [out, out, 3] */
function pieceOf(picture: Frame, out: number, random: Random): Float32Array {
  const side = Math.min(picture.width, picture.height) * (0.5 + 0.5 * random.uniform());
  return resample(picture, {
    cx: side / 2 + (picture.width - side) * random.uniform(),
    cy: side / 2 + (picture.height - side) * random.uniform(),
    width: side,
    height: side,
    out,
  });
}

/** Copies a piece of the crop, from beside the object, over one side of it: a quarter to a half of the box is covered. */
function occlude(rgb: Float32Array, size: number, truth: CropBox, random: Random): void {
  const share = 0.25 + 0.25 * random.uniform();
  const across = random.uniform() < 0.5;
  const w = Math.round(truth.w * (across ? share : 1.2));
  const h = Math.round(truth.h * (across ? 1.2 : share));
  if (w < 2 || h < 2 || w >= size || h >= size) return;
  const side = random.uniform() < 0.5 ? 0 : 1;
  const x = Math.round(truth.cx + (across ? (side - 0.5) * truth.w - side * w : -w / 2));
  const y = Math.round(truth.cy + (across ? -h / 2 : (side - 0.5) * truth.h - side * h));
  const from = { x: random.integer(size - w), y: random.integer(size - h) };
  const overlaps = Math.abs(from.x + w / 2 - truth.cx) < (w + truth.w) / 2;
  if (overlaps && Math.abs(from.y + h / 2 - truth.cy) < (h + truth.h) / 2) return;
  const first = Math.max(0, -x);
  const count = Math.min(w, size - x) - first;
  if (count <= 0) return;
  for (let row = Math.max(0, -y); row < h && y + row < size; row++) {
    const source = 3 * ((from.y + row) * size + from.x + first);
    rgb.copyWithin(3 * ((y + row) * size + x + first), source, source + 3 * count);
  }
}

/** Normal numbers, of which noise is drawn: a fresh one for each of a quarter million values would cost more than the crop. */
const NOISE = Float32Array.from({ length: 4096 }, createRandom(1).normal);

/** Brightness, contrast, colour, blur and noise, each in a share of the crops; values stay 0..255. */
function changeLook(rgb: Float32Array, size: number, random: Random): void {
  const between = (low: number, high: number): number => low + (high - low) * random.uniform();
  const contrast = between(0.75, 1.25);
  const brightness = between(-20, 20);
  const gains = [contrast, contrast, contrast];
  const colour = random.uniform();
  const grey = colour < 0.08;
  if (!grey && colour < 0.36) for (let c = 0; c < 3; c++) gains[c]! *= between(0.9, 1.1);
  for (let i = 0; i < rgb.length; i += 3) {
    for (let c = 0; c < 3; c++) rgb[i + c] = rgb[i + c]! * gains[c]! + brightness;
    if (grey) rgb.fill((rgb[i]! + rgb[i + 1]! + rgb[i + 2]!) / 3, i, i + 3);
  }
  const blur = random.uniform();
  if (blur < 0.12) {
    const kernel = gaussianKernel(between(0.5, 2));
    convolveAxis(rgb, size, kernel, true);
    convolveAxis(rgb, size, kernel, false);
  } else if (blur < 0.2) {
    const length = 3 + random.integer(5); // motion blur
    convolveAxis(rgb, size, new Float32Array(length).fill(1 / length), random.uniform() < 0.5);
  }
  if (random.uniform() < 0.1) {
    const noise = between(2, 8);
    for (let i = 0; i < rgb.length; i++) rgb[i]! += noise * NOISE[random.integer(NOISE.length)]!;
  }
  for (let i = 0; i < rgb.length; i++) rgb[i] = Math.min(255, Math.max(0, rgb[i]!));
}

function gaussianKernel(sigma: number): Float32Array {
  const reach = Math.ceil(2.5 * sigma);
  const kernel = Float32Array.from({ length: 2 * reach + 1 }, (_, i) => Math.exp(-0.5 * ((i - reach) / sigma) ** 2));
  const sum = kernel.reduce((a, b) => a + b, 0);
  return kernel.map((value) => value / sum);
}

function convolveAxis(rgb: Float32Array, size: number, kernel: Float32Array, alongX: boolean): void {
  const step = alongX ? 3 : 3 * size;
  const across = alongX ? 3 * size : 3;
  const reach = (kernel.length - 1) >> 1;
  const line = new Float32Array(size);
  for (let row = 0; row < size; row++) {
    for (let c = 0; c < 3; c++) {
      const start = row * across + c;
      for (let i = 0; i < size; i++) line[i] = rgb[start + i * step]!;
      for (let i = 0; i < size; i++) {
        let sum = 0;
        for (let k = 0; k < kernel.length; k++) {
          sum += kernel[k]! * line[Math.min(size - 1, Math.max(0, i + k - reach))]!;
        }
        rgb[start + i * step] = sum;
      }
    }
  }
}

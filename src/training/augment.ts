/** Jittered training crops: the place, size, aspect and look that a search crop may have when the tracker runs. */
import { cropBox, type CropBox, type FrameBox } from '../geometry.js';
import { mirror, resample } from '../image/crop.js';
import type { Frame } from '../image/frame.js';
import type { Random } from '../random.js';

export interface CropJitter {
  /** Side of the search region over sqrt(w h) of the (jittered) last box, and of the crop in pixels. */
  readonly searchFactor: number;
  readonly cropSize: number;
  /** Deviation of the common log size, and of each side's own. */
  readonly scale: number;
  readonly side: number;
  /** Share of crops with a small shift (normal, `near` of sqrt(w h)); the others shift evenly up to `far`. */
  readonly nearShare: number;
  readonly near: number;
  readonly far: number;
  /** Deviation of the crop's log aspect: stretches the picture itself (photographs). */
  readonly stretch: number;
}

export const SEQUENCE_JITTER: CropJitter = {
  searchFactor: 5,
  cropSize: 288,
  scale: 0.2,
  side: 0.12,
  nearShare: 0.5,
  near: 0.35,
  far: 1.7,
  stretch: 0,
};
export const PHOTO_JITTER: CropJitter = { ...SEQUENCE_JITTER, stretch: 0.08 };

export interface TrainingCrop {
  /** RGB [S, S, 3], 0..255 */
  readonly rgb: Float32Array;
  /** The truth, crop pixels. */
  readonly box: CropBox;
  /** Size of the last box that the crop pretends to be made about, crop pixels. */
  readonly lastWidth: number;
  readonly lastHeight: number;
}

/** @param box the object in the frame; @param flip mirror the crop left to right */
export function jitteredCrop(
  frame: Frame,
  box: FrameBox,
  flip: boolean,
  jitter: CropJitter,
  random: Random,
): TrainingCrop {
  const { cropSize: out, searchFactor } = jitter;
  const scale = jitter.scale * random.normal();
  const lastWidth = box.w * Math.exp(scale + jitter.side * random.normal());
  const lastHeight = box.h * Math.exp(scale + jitter.side * random.normal());
  const reach = Math.sqrt(lastWidth * lastHeight);
  const near = random.uniform() < jitter.nearShare;
  const shift = (): number => (near ? jitter.near * random.normal() : jitter.far * (2 * random.uniform() - 1));
  const stretch = Math.exp(jitter.stretch * random.normal());
  const width = searchFactor * reach * stretch;
  const height = (searchFactor * reach) / stretch;
  const cx = box.x + box.w / 2 + shift() * reach;
  const cy = box.y + box.h / 2 + shift() * reach;
  const rgb = resample(frame, { cx, cy, width, height, out });
  const truth = cropBox(
    ((box.x + box.w / 2 - cx) * out) / width + out / 2,
    ((box.y + box.h / 2 - cy) * out) / height + out / 2,
    (box.w * out) / width,
    (box.h * out) / height,
  );
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
    for (let i = 0; i < rgb.length; i++) rgb[i]! += noise * random.normal();
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

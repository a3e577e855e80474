/** Two facts about a backbone that its graph does not tell: where its cells look, and how much its channels vary. */
import type { Backbone, FeatureMap, Features } from '../../src/features/backbone.js';
import type { BackboneEntry } from '../../src/features/manifest.js';
import { resample, writeInput } from '../../src/image/crop.js';
import type { Frame } from '../../src/image/frame.js';
import type { FloatTensor } from '../../src/runtime/onnx.js';

export const MAP_ROLES = ['fine', 'coarse'] as const;
export type MapRole = (typeof MAP_ROLES)[number];

type Image = Pick<Frame, 'data' | 'width' | 'height'>;
type Axis = 'x' | 'y';

export interface OffsetMeasurement {
  readonly role: MapRole;
  readonly axis: Axis;
  /** Cell i looks at stride * i + offset, crop pixels. */
  readonly offset: number;
  /** The least mismatch of the two views: 0 = the same features, 1 = unrelated ones. */
  readonly mismatch: number;
}

/** Crop pixels from one tried shift to the next; a parabola fills in between. */
const SHIFT_STEP = 2;

/**
 * The flip measurement. A crop, and the mirror image of the same crop shifted by d, give the same features (mirrored back) when
 * both views of a cell have the same centre: stride i + o = S - d - (stride (n - 1 - i) + o), so o = (S - d - stride (n - 1)) / 2
 * at the d that matches best. It finds what trained filters look at, which uneven padding alone does not tell.
 * @param images natural pictures; the largest square about the middle of each is used. Eight are enough for .1 px.
 */
export async function measureOffsets(
  backbone: Backbone,
  images: AsyncIterable<Image> | Iterable<Image>,
  size: number,
): Promise<OffsetMeasurement[]> {
  const reach = Math.max(backbone.entry.fine.stride, backbone.entry.coarse.stride);
  const shifts = Array.from({ length: reach + 1 }, (_, i) => i * SHIFT_STEP - reach);
  const sums = new Map<string, number>();
  let count = 0;
  let cells: Record<MapRole, number> | undefined;
  for await (const image of images) {
    const wide = centralSquare(image, size + 2 * reach);
    const plain = await extractCrop(backbone, mirroredView(wide, size, reach, 0, undefined), size);
    cells = { fine: plain.fine.width, coarse: plain.coarse.width };
    count++;
    for (const axis of ['x', 'y'] as const) {
      for (const shift of shifts) {
        const mirrored = await extractCrop(backbone, mirroredView(wide, size, reach, shift, axis), size);
        for (const role of MAP_ROLES) {
          const key = `${role} ${axis} ${shift}`;
          sums.set(key, (sums.get(key) ?? 0) + mismatch(plain[role], mirrored[role], axis));
        }
      }
    }
  }
  if (!cells) throw new Error('no images to measure with');
  const results: OffsetMeasurement[] = [];
  for (const role of MAP_ROLES) {
    for (const axis of ['x', 'y'] as const) {
      const errors = shifts.map((shift) => sums.get(`${role} ${axis} ${shift}`)! / count);
      const shift = SHIFT_STEP * minimum(errors) - reach;
      const span = backbone.entry[role].stride * (cells[role] - 1);
      results.push({ role, axis, offset: (size - shift - span) / 2, mismatch: Math.min(...errors) });
    }
  }
  return results;
}

/**
 * Standard deviation of each channel over all cells of all crops, in raw units (whatever the entry's own deviations are).
 * @param crops RGB, [size, size, 3], 0..255
 */
export async function measureDeviation(
  backbone: Backbone,
  crops: AsyncIterable<Float32Array> | Iterable<Float32Array>,
  size: number,
): Promise<Record<MapRole, number[]>> {
  const moments = {
    fine: new Moments(backbone.entry.fine.channels),
    coarse: new Moments(backbone.entry.coarse.channels),
  };
  for await (const crop of crops) {
    const features = await extractCrop(backbone, crop, size);
    for (const role of MAP_ROLES) moments[role].add(features[role]);
  }
  return { fine: moments.fine.deviation(), coarse: moments.coarse.deviation() };
}

/** The entry as if nothing had been measured: its maps come out raw. */
export function withoutDeviation(entry: BackboneEntry): BackboneEntry {
  const raw = (role: MapRole) => ({ ...entry[role], deviation: entry[role].deviation.map(() => 1) });
  return { ...entry, fine: raw('fine'), coarse: raw('coarse') };
}

class Moments {
  private readonly sums: Float64Array;
  private readonly squares: Float64Array;
  private count = 0;

  constructor(private readonly channels: number) {
    this.sums = new Float64Array(channels);
    this.squares = new Float64Array(channels);
  }

  add({ data, height, width }: FeatureMap): void {
    const cells = height * width;
    for (let channel = 0, at = 0; channel < this.channels; channel++) {
      for (const end = at + cells; at < end; at++) {
        this.sums[channel]! += data[at]!;
        this.squares[channel]! += data[at]! ** 2;
      }
    }
    this.count += cells;
  }

  deviation(): number[] {
    return Array.from(this.sums, (sum, channel) => {
      const mean = sum / this.count;
      return Math.sqrt(Math.max(0, this.squares[channel]! / this.count - mean ** 2));
    });
  }
}

async function extractCrop(backbone: Backbone, rgb: Float32Array, size: number): Promise<Features> {
  const { input } = backbone.entry;
  const data = new Float32Array(rgb.length);
  writeInput(rgb, input, data);
  const dims = input.layout === 'NCHW' ? [1, 3, size, size] : [1, size, size, 3];
  const tensor: FloatTensor = { data, dims };
  return backbone.extract(tensor);
}

function centralSquare(image: Image, out: number): Float32Array {
  const side = Math.min(image.width, image.height);
  return resample(image, { cx: image.width / 2, cy: image.height / 2, width: side, height: side, out });
}

/** The size x size view that begins `shift` pixels before (margin, margin) on one axis, mirrored on that axis. */
function mirroredView(
  wide: Float32Array,
  size: number,
  margin: number,
  shift: number,
  axis: Axis | undefined,
): Float32Array {
  const pitch = size + 2 * margin;
  const left = margin - (axis === 'x' ? shift : 0);
  const top = margin - (axis === 'y' ? shift : 0);
  const view = new Float32Array(size * size * 3);
  for (let row = 0, at = 0; row < size; row++) {
    const y = top + (axis === 'y' ? size - 1 - row : row);
    for (let column = 0; column < size; column++) {
      const x = left + (axis === 'x' ? size - 1 - column : column);
      const from = 3 * (y * pitch + x);
      for (let channel = 0; channel < 3; channel++) view[at++] = wide[from + channel]!;
    }
  }
  return view;
}

/** Squared difference over the inner two thirds of the maps, mirrored back, as a share of both maps' squares. */
function mismatch(plain: FeatureMap, mirrored: FeatureMap, axis: Axis): number {
  const { channels, height, width } = plain;
  const rim = Math.floor(width / 6);
  let difference = 0;
  let total = 0;
  for (let channel = 0; channel < channels; channel++) {
    for (let row = rim; row < height - rim; row++) {
      for (let column = rim; column < width - rim; column++) {
        const [y, x] = axis === 'x' ? [row, width - 1 - column] : [height - 1 - row, column];
        const a = plain.data[(channel * height + row) * width + column]!;
        const b = mirrored.data[(channel * height + y) * width + x]!;
        difference += (a - b) ** 2;
        total += a ** 2 + b ** 2;
      }
    }
  }
  return difference / total;
}

/** Where the parabola through the least value and its neighbours has its minimum, as a fractional index. */
function minimum(values: readonly number[]): number {
  const least = values.indexOf(Math.min(...values));
  const i = Math.min(Math.max(least, 1), values.length - 2);
  const [before, here, after] = [values[i - 1]!, values[i]!, values[i + 1]!];
  return i + (before - after) / (2 * (before - 2 * here + after));
}

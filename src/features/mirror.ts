/** Features averaged with those of the mirrored crop: what a network sees differently in a mirror is noise. */
import type { FloatTensor } from '../runtime/onnx.js';
import type { Backbone, FeatureMap } from './backbone.js';

/** The same backbone, whose crops run twice; takes and gives batches as it does. */
export function withMirror(backbone: Backbone): Backbone {
  const { layout } = backbone.entry.input;
  return {
    ...backbone,
    async extract(input) {
      const both = await backbone.extract(withMirrored(input, layout));
      return { fine: average(both.fine), coarse: average(both.coarse) };
    },
  };
}

/** Crops, and after them their mirror images. */
function withMirrored({ data, dims }: FloatTensor, layout: 'NCHW' | 'NHWC'): FloatTensor {
  const both = new Float32Array(2 * data.length);
  both.set(data);
  const mirrored = both.subarray(data.length);
  mirrored.set(data);
  const [width, depth] = layout === 'NCHW' ? [dims[3]!, 1] : [dims[2]!, dims[3]!];
  mirrorRows(mirrored, width, depth);
  return { data: both, dims: [2 * dims[0]!, ...dims.slice(1)] };
}

/** Mirrors rows of `width` places of `depth` values, in place. */
function mirrorRows(data: Float32Array, width: number, depth: number): void {
  const pitch = width * depth;
  for (let row = 0; row < data.length; row += pitch) {
    for (let left = 0, right = width - 1; left < right; left++, right--) {
      for (let i = 0; i < depth; i++) {
        const a = row + left * depth + i;
        const b = row + right * depth + i;
        [data[a], data[b]] = [data[b]!, data[a]!];
      }
    }
  }
}

/** Mean of the first half of a batch and the second, mirrored back. */
function average(both: FeatureMap): FeatureMap {
  const half = both.data.length / 2;
  const data = both.data.slice(0, half);
  const mirrored = both.data.subarray(half);
  mirrorRows(mirrored, both.width, 1);
  for (let i = 0; i < half; i++) data[i] = 0.5 * (data[i]! + mirrored[i]!);
  return { ...both, data, batch: both.batch / 2 };
}

import { expect, it } from 'vitest';
import type { Backbone, FeatureMap } from '../../src/features/backbone.js';
import type { BackboneEntry } from '../../src/features/manifest.js';
import { withMirror } from '../../src/features/mirror.js';

/** One channel: the first channel of the picture, plus the place from the left. */
function fake(layout: 'NCHW' | 'NHWC'): Backbone {
  const entry = { input: { layout } } as BackboneEntry;
  return {
    entry,
    provider: 'cpu',
    reasons: [],
    async extract({ data, dims }) {
      const [batch, height, width, depth] = layout === 'NCHW' ? [dims[0]!, dims[2]!, dims[3]!, 1] : (dims as number[]);
      const cells = height! * width!;
      const pitch = layout === 'NCHW' ? 3 * cells : cells * depth!;
      const map: FeatureMap = {
        data: Float32Array.from({ length: batch! * cells }, (_, i) => {
          const image = Math.floor(i / cells);
          return data[image * pitch + (i % cells) * depth!]! + (i % width!);
        }),
        batch: batch!,
        channels: 1,
        height: height!,
        width: width!,
        stride: 8,
        offset: 4,
      };
      return { fine: map, coarse: { ...map, data: map.data.map((value) => 10 * value) } };
    },
    release: async () => undefined,
  };
}

it.each(['NCHW', 'NHWC'] as const)('averages with the mirrored picture, %s', async (layout) => {
  // one row of three places: 1, 5, 30 in the channel that is read
  const data =
    layout === 'NCHW' ? Float32Array.of(1, 5, 30, 0, 0, 0, 0, 0, 0) : Float32Array.of(1, 0, 0, 5, 0, 0, 30, 0, 0);
  const dims = layout === 'NCHW' ? [1, 3, 1, 3] : [1, 1, 3, 3];
  const { fine, coarse } = await withMirror(fake(layout)).extract({ data, dims });
  // place 0 is 1 + 0 as it is and 1 + 2 in the mirror
  expect([...fine.data]).toEqual([2, 6, 31]);
  expect([...coarse.data]).toEqual([20, 60, 310]);
  expect(fine.batch).toBe(1);
});

/** begin() without networks: what they are shown, and what is made of their answers. */
import { expect, it } from 'vitest';
import type { Frame } from '../../src/image/frame.js';
import { parseConfig } from '../../src/node/open.js';
import type { FloatTensor } from '../../src/runtime/onnx.js';
import type { FirstSample, TargetModel } from '../../src/target/classifier.js';
import { begin } from '../../src/tracker/begin.js';
import { createCropper } from '../../src/tracker/look.js';
import { AT_REST } from '../../src/tracker/motion.js';
import { smallHead } from '../helpers/head.js';

const model = smallHead();
const SIDE = model.geometry.cropSize;
const INPUT = { name: 'x', layout: 'NCHW', colour: 'RGB', mean: [0, 0, 0], scale: [1, 1, 1] } as const;
const BOX = { x: 60, y: 40, w: 30, h: 24 };

/** Brighter to the right. */
function ramp(): Frame {
  const [width, height] = [160, 120];
  const data = Uint8Array.from({ length: 3 * width * height }, (_, i) => Math.floor(i / 3) % width);
  return { data, width, height, index: 0, time: 0 };
}

async function run(seed: number) {
  const crops: Float32Array[] = [];
  let samples: readonly FirstSample[] = [];
  const { cells, stride, offset } = model.geometry.coarse;
  const coarse = { batch: 1, channels: 1, height: cells, width: cells, stride, offset };
  const config = parseConfig({ seed });
  const track = await begin(
    {
      config,
      model,
      cropper: createCropper(SIDE, { input: { ...INPUT, mean: [0, 0, 0], scale: [1, 1, 1] } }),
      networks: {
        async begin({ data }: FloatTensor) {
          crops.push(data.slice());
          // the answer tells which crop it is of
          const embedding = {
            fine: new Float32Array(model.geometry.fine.cells ** 2 * model.config.fine).fill(crops.length),
            coarse: new Float32Array(cells ** 2 * model.config.coarse).fill(crops.length),
          };
          return { coarse: { ...coarse, data: Float32Array.of(crops.length) }, embedding };
        },
      },
      learner: {
        async begin(given, random) {
          samples = given;
          return { tag: random.uniform() } as unknown as TargetModel;
        },
      },
    },
    ramp(),
    BOX,
  );
  return { crops, samples, track };
}

it('shows the plain crop, eight shifted ones and the mirrored one, each with the box where it is in it', async () => {
  const { crops, samples } = await run(11);
  expect(crops).toHaveLength(10);
  expect(samples.map(({ coarse }) => coarse.data[0])).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  const [plain, ...others] = samples.map(({ box }) => box);
  expect(plain).toMatchObject({ cx: SIDE / 2, cy: SIDE / 2 });
  const shifts = others.map(({ cx, cy }) => [(cx - SIDE / 2) / SIDE, (cy - SIDE / 2) / SIDE]);
  for (const [dx, dy] of shifts.slice(0, 4)) {
    expect(Math.abs(dx!)).toBeCloseTo(0.3, 6);
    expect(Math.abs(dy!)).toBeCloseTo(0.3, 6);
  }
  // the mirrored crop has the box in its middle, and darker pixels to the right
  expect(others.at(-1)).toEqual(plain);
  const row = (crop: Float32Array): number => crop[(SIDE * SIDE) / 2 + SIDE - 1]! - crop[(SIDE * SIDE) / 2]!;
  expect(row(crops[0]!)).toBeGreaterThan(10);
  expect(row(crops[9]!)).toBeCloseTo(-row(crops[0]!), 3);
});

it('the template is of the plain crop, and the object is surely in the box', async () => {
  const { track } = await run(11);
  expect(new Set(track.template.coarseBins.map(Math.round))).toEqual(new Set([1]));
  expect(track.object).toEqual({
    box: BOX,
    frame: 0,
    state: 'tracking',
    confidence: 1,
    lostFor: 0,
    velocity: AT_REST,
    inputs: undefined,
    firstHeight: undefined,
  });
  expect(track.observation).toBeUndefined();
});

it('random numbers come from the seed alone', async () => {
  const [a, b, c] = [await run(11), await run(11), await run(12)];
  expect(b.track.targetModel).toEqual(a.track.targetModel);
  expect(c.track.targetModel).not.toEqual(a.track.targetModel);
});

/** A patch of random blocks on a calm ground, to be tracked without a video. */
import type { FrameBox } from '../../src/geometry.js';
import type { Frame } from '../../src/image/frame.js';
import { createRandom } from '../../src/random.js';

export const WIDTH = 240;
export const HEIGHT = 180;

/** A patch of random blocks, [side, side], each block 4 pixels wide. */
function texture(seed: number, side: number): Uint8Array {
  const random = createRandom(seed);
  const blocks = Math.ceil(side / 4);
  const colours = Uint8Array.from({ length: blocks * blocks * 3 }, () => 256 * random.uniform());
  const data = new Uint8Array(side * side * 3);
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const block = 3 * (Math.floor(y / 4) * blocks + Math.floor(x / 4));
      data.set(colours.subarray(block, block + 3), 3 * (y * side + x));
    }
  }
  return data;
}

const background = texture(1, WIDTH).map((value) => 90 + value / 8);
const object = texture(2, 40);

/** The object on its background; without a box, the background alone. */
export function frameWith(index: number, box?: FrameBox): Frame {
  const data = background.slice(0, 3 * WIDTH * HEIGHT);
  const { x, y, w, h } = box ?? { x: 0, y: 0, w: 0, h: 0 };
  for (let i = 0; i < h; i++) {
    const row = Math.round(y) + i;
    data.set(object.subarray(120 * i, 120 * i + 3 * w), 3 * (row * WIDTH + Math.round(x)));
  }
  return { data, width: WIDTH, height: HEIGHT, index, time: index / 25 };
}

/** Two objects that move apart, and a place of the ground where there is none. */
export const places = (index: number): FrameBox[] => [
  { x: 60 + 3 * index, y: 50, w: 40, h: 40 },
  { x: 20, y: 110 - 2 * index, w: 40, h: 40 },
  { x: 170, y: 20, w: 30, h: 24 },
];

export function frameWithTwo(index: number): Frame {
  const [first, second] = places(index);
  const frame = frameWith(index, first);
  const other = frameWith(index, second);
  for (let i = 0; i < frame.data.length; i++) if (other.data[i] !== background[i]) frame.data[i] = other.data[i]!;
  return frame;
}

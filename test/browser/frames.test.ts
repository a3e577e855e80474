import { expect, test } from 'vitest';
import { createFrameReader, type FrameInput } from '../../src/browser/frames.js';

test.each([
  [4, 2],
  [5, 3],
  [3, 1],
  [1, 1],
])('the pixels of an ImageData of %i x %i lose their alpha, and nothing else', (width, height) => {
  const data = Uint8ClampedArray.from({ length: 4 * width * height }, (_, i) => (i * 73 + 11) % 256);
  expectRgb(width, height, data);
});

test('an ImageData whose pixels begin at an odd byte is read as well', () => {
  const data = new Uint8ClampedArray(4 * 5 * 3 + 1).map((_, i) => (i * 73 + 11) % 256).subarray(1);
  expectRgb(5, 3, data);
});

function expectRgb(width: number, height: number, data: Uint8ClampedArray): void {
  const image = { width, height, data, colorSpace: 'srgb', [Symbol.toStringTag]: 'ImageData' };
  const frame = createFrameReader()(image as unknown as FrameInput);
  expect(frame).toMatchObject({ width, height, index: 0 });
  expect([...frame.data]).toEqual([...data].filter((_, i) => i % 4 !== 3));
}

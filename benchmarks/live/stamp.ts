/** The picture that is sent, and the number in it. */
export const WIDTH = 640;
export const HEIGHT = 360;
export const FPS = 25;

/** Side of a bit, pixels: it has to come through the encoder. */
const SIDE = 16;
const BITS = 16;

/** One clock for several processes, milliseconds. */
export function now(): number {
  return performance.timeOrigin + performance.now();
}

/** Writes a number into the picture's last rows: a black or white square a bit. @param data RGB, WIDTH x HEIGHT */
export function stamp(data: Uint8Array, number: number): void {
  for (let y = HEIGHT - SIDE; y < HEIGHT; y++) {
    for (let bit = 0; bit < BITS; bit++) {
      const start = 3 * (y * WIDTH + bit * SIDE);
      data.fill((number >> bit) & 1 ? 235 : 16, start, start + 3 * SIDE);
    }
  }
}

export function readStamp(data: Uint8Array): number {
  const row = HEIGHT - SIDE / 2;
  const bits = Array.from({ length: BITS }, (_, bit) =>
    data[3 * (row * WIDTH + bit * SIDE + SIDE / 2)]! > 127 ? 1 << bit : 0,
  );
  return bits.reduce((sum, bit) => sum + bit, 0);
}

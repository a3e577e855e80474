/** Floats of 16 bits (IEEE 754 binary16): Node 20 has no Float16Array. */

/** Nearest values, ties to even; what is too large for 16 bits becomes infinite. */
export function toHalves(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  return Uint16Array.from(bits, halfOf);
}

/** @param bits of a float of 32 bits */
function halfOf(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const exponent = ((bits >>> 23) & 0xff) - 127 + 15;
  const fraction = bits & 0x7fffff;
  if (exponent === 0xff - 127 + 15) return sign | 0x7c00 | (fraction === 0 ? 0 : 0x200);
  if (exponent >= 31) return sign | 0x7c00;
  if (exponent > 0) return sign | roundedShift((exponent << 23) | fraction, 13);
  // too small for an exponent of its own; below half of the smallest one it is zero
  return exponent < -10 ? sign : sign | roundedShift(fraction | 0x800000, 14 - exponent);
}

/** A fraction that rounds up to the next power carries into the exponent, as it should. */
function roundedShift(value: number, by: number): number {
  const low = value & ((1 << by) - 1);
  const half = 1 << (by - 1);
  const shifted = value >>> by;
  return low > half || (low === half && (shifted & 1) === 1) ? shifted + 1 : shifted;
}

/** Exact. */
export function fromHalves(halves: Uint16Array): Float32Array {
  return Float32Array.from(halves, (half) => {
    const sign = half & 0x8000 ? -1 : 1;
    const exponent = (half >>> 10) & 0x1f;
    const fraction = half & 0x3ff;
    if (exponent === 0) return sign * fraction * 2 ** -24;
    if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
    return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  });
}

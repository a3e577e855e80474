/** Small image files for tests, written byte by byte: what they show is known, whatever decodes them. */
import { deflateSync, crc32 } from 'node:zlib';

/** RGBA, as it has to come out, or as it goes in. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly rgba: Uint8Array;
}

export interface Placed extends Picture {
  readonly x?: number;
  readonly y?: number;
  /** Milliseconds. */
  readonly delay?: number;
}

type Colour = readonly [number, number, number, number?];

export function flat(width: number, height: number, [r, g, b, a = 255]: Colour): Picture {
  const rgba = new Uint8Array(4 * width * height);
  for (let i = 0; i < rgba.length; i += 4) rgba.set([r, g, b, a], i);
  return { width, height, rgba };
}

/** Over black, RGB: what a frame of it holds. */
export function overBlack({ rgba }: Picture): number[] {
  return Array.from({ length: (3 * rgba.length) / 4 }, (_, i) => {
    const at = 4 * Math.floor(i / 3);
    return Math.round((rgba[at + (i % 3)]! * rgba[at + 3]!) / 255);
  });
}

/** A copy with the pixels of another one in it; its transparent pixels too. */
export function withPart(picture: Picture, part: Placed): Picture {
  const rgba = picture.rgba.slice();
  const { x = 0, y = 0 } = part;
  for (let row = 0; row < part.height; row++) {
    const from = part.rgba.subarray(4 * row * part.width, 4 * (row + 1) * part.width);
    rgba.set(from, 4 * ((y + row) * picture.width + x));
  }
  return { ...picture, rgba };
}

// --- GIF ---

export interface GifPart extends Placed {
  /** 1 keep, 2 back to the background, 3 back to what was before. */
  readonly dispose?: number;
}

/** Opaque pixels only need colours of the palette; index 0 is the transparent one. */
export function makeGif({ width, height }: Pick<Picture, 'width' | 'height'>, parts: readonly GifPart[]): Buffer {
  const palette = new Map<number, number>();
  const indexOf = (rgba: Uint8Array, at: number): number => {
    if (rgba[at + 3] === 0) return 0;
    const colour = (rgba[at]! << 16) | (rgba[at + 1]! << 8) | rgba[at + 2]!;
    if (!palette.has(colour)) palette.set(colour, palette.size + 1);
    return palette.get(colour)!;
  };
  const images = parts.map((part) => {
    const pixels = Array.from({ length: part.width * part.height }, (_, i) => indexOf(part.rgba, 4 * i));
    const { x = 0, y = 0, delay = 40, dispose = 1 } = part;
    const control = [0x21, 0xf9, 4, (dispose << 2) | 1, ...short(delay / 10), 0, 0];
    const place = [0x2c, ...short(x), ...short(y), ...short(part.width), ...short(part.height), 0];
    return [...control, ...place, ...lzw(pixels)];
  });
  const table = new Uint8Array(3 * 256);
  for (const [colour, index] of palette) table.set([colour >> 16, (colour >> 8) & 255, colour & 255], 3 * index);
  const head = [...Buffer.from('GIF89a'), ...short(width), ...short(height), 0xf7, 0, 0];
  return Buffer.from([...head, ...table, ...images.flat(), 0x3b]);
}

const short = (value: number): number[] => [value & 255, value >> 8];

/** Not compressed: the table is cleared before a code gets longer than nine bits. */
function lzw(pixels: readonly number[]): number[] {
  const codes = [256, ...pixels.flatMap((pixel, i) => (i > 0 && i % 250 === 0 ? [256, pixel] : [pixel])), 257];
  const bits = codes.flatMap((code) => Array.from({ length: 9 }, (_, i) => (code >> i) & 1));
  const bytes = Array.from({ length: Math.ceil(bits.length / 8) }, (_, i) =>
    bits.slice(8 * i, 8 * i + 8).reduce((sum, bit, k) => sum | (bit << k), 0),
  );
  const pieces = Array.from({ length: Math.ceil(bytes.length / 255) }, (_, i) => bytes.slice(255 * i, 255 * i + 255));
  return [8, ...pieces.flatMap((piece) => [piece.length, ...piece]), 0];
}

// --- animated PNG ---

export interface ApngPart extends Placed {
  /** 0 keep, 1 clear, 2 back to what was before. */
  readonly dispose?: number;
  /** 0 in place of what is there, 1 over it. */
  readonly blend?: number;
}

/** @param hidden a picture that is not part of the animation */
export function makeApng(
  size: Pick<Picture, 'width' | 'height'>,
  parts: readonly ApngPart[],
  hidden?: Picture,
): Buffer {
  let number = 0;
  const chunks = [chunk('IHDR', [...long(size.width), ...long(size.height), 8, 6, 0, 0, 0])];
  chunks.push(chunk('acTL', [...long(parts.length), ...long(0)]));
  if (hidden) chunks.push(chunk('IDAT', pixels(hidden)));
  for (const [i, part] of parts.entries()) {
    const { x = 0, y = 0, delay = 40, dispose = 0, blend = 0 } = part;
    const place = [part.width, part.height, x, y].flatMap(long);
    const time = [delay >> 8, delay & 255, 1000 >> 8, 1000 & 255];
    chunks.push(chunk('fcTL', [...long(number++), ...place, ...time, dispose, blend]));
    if (i === 0 && !hidden) chunks.push(chunk('IDAT', pixels(part)));
    else chunks.push(chunk('fdAT', [...long(number++), ...pixels(part)]));
  }
  return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), ...chunks, chunk('IEND', [])]);
}

const long = (value: number): number[] => [value >>> 24, (value >> 16) & 255, (value >> 8) & 255, value & 255];

function chunk(type: string, data: readonly number[]): Buffer {
  const body = Buffer.from([...Buffer.from(type), ...data]);
  return Buffer.from([...long(data.length), ...body, ...long(crc32(body))]);
}

function pixels({ width, height, rgba }: Picture): number[] {
  const rows = Array.from({ length: height }, (_, y) => [0, ...rgba.subarray(4 * y * width, 4 * (y + 1) * width)]);
  return [...deflateSync(Buffer.from(rows.flat()))];
}

// --- TIFF ---

export interface TiffPage {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  readonly samples: Uint8Array | Uint16Array | Float32Array;
  /** 0 grey from white, 1 grey from black, 2 RGB, 5 CMYK. */
  readonly photometric?: number;
  /** 1: a smaller copy of another page. */
  readonly subfile?: number;
  readonly orientation?: number;
  readonly description?: string;
}

/** Uncompressed. */
export function makeTiff(
  pages: readonly TiffPage[],
  { bigEndian = false, bigTiff = false }: { bigEndian?: boolean; bigTiff?: boolean } = {},
): Buffer {
  const number = (value: number, bytes: number): number[] => {
    const little = Array.from({ length: bytes }, (_, i) => Math.floor(value / 256 ** i) & 255);
    return bigEndian ? little.toReversed() : little;
  };
  const wide = bigTiff ? 8 : 4;
  const order = bigEndian ? [0x4d, 0x4d] : [0x49, 0x49];
  const out = bigTiff
    ? [...order, ...number(43, 2), ...number(8, 2), ...number(0, 2), ...number(16, 8)]
    : [...order, ...number(42, 2), ...number(8, 4)];
  for (const [i, page] of pages.entries()) {
    const bytes = page.samples.BYTES_PER_ELEMENT;
    const values = Array.from(page.samples).flatMap((value) => sampleBytes(value, bytes, number));
    const text = [...Buffer.from(page.description ?? ''), 0];
    const extra = page.channels === 2 || (page.channels === 4 && page.photometric === 2);
    const tags: [number, number, number[]][] = [
      [254, 4, [page.subfile ?? 0]],
      [256, 4, [page.width]],
      [257, 4, [page.height]],
      [258, 3, Array.from({ length: page.channels }, () => 8 * bytes)],
      [259, 3, [1]],
      [262, 3, [page.photometric ?? 1]],
      ...(page.description === undefined ? [] : ([[270, 2, text]] as [number, number, number[]][])),
      [273, 4, [-1]],
      [274, 3, [page.orientation ?? 1]],
      [277, 3, [page.channels]],
      [278, 4, [page.height]],
      [279, 4, [values.length]],
      ...(extra ? ([[338, 3, [2]]] as [number, number, number[]][]) : []),
      [339, 3, Array.from({ length: page.channels }, () => (page.samples instanceof Float32Array ? 3 : 1))],
    ];
    const directory = (bigTiff ? 8 : 2) + tags.length * (bigTiff ? 20 : 12) + wide;
    let free = out.length + directory;
    const behind: number[] = [];
    const entries: number[] = [];
    const sizes: Record<number, number> = { 2: 1, 3: 2, 4: 4 };
    const placeBehind = (data: readonly number[]): number => {
      const at = free;
      behind.push(...data);
      if (data.length % 2 === 1) behind.push(0);
      free = out.length + directory + behind.length;
      return at;
    };
    for (const [tag, type, all] of tags) {
      const own = tag === 273 ? number(placeBehind(values), 4) : all.flatMap((value) => number(value, sizes[type]!));
      const inside =
        own.length <= wide ? [...own, ...Array<number>(wide - own.length).fill(0)] : number(placeBehind(own), wide);
      entries.push(...number(tag, 2), ...number(type, 2), ...number(all.length, wide), ...inside);
    }
    const next = i === pages.length - 1 ? 0 : free;
    out.push(...number(tags.length, bigTiff ? 8 : 2), ...entries, ...number(next, wide), ...behind);
  }
  return Buffer.from(out);
}

function sampleBytes(value: number, bytes: number, number: (value: number, bytes: number) => number[]): number[] {
  if (bytes < 4) return number(value, bytes);
  return number(new DataView(Float32Array.of(value).buffer).getUint32(0, true), 4);
}

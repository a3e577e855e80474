/**
 * Animated PNG (PNG, third edition, sections 11.3.6 and 13), of which sharp reads the first picture only: each picture of it is given to sharp as
 * a file of its own, and put together with those before as the specification says.
 */
import { crc32 } from 'node:zlib';
import type { Size } from '../geometry.js';
import { openReader, type FileReader } from './file-reader.js';
import { loadSharp } from './sharp.js';

export interface Apng extends Size {
  /** Pictures that it says it has. */
  readonly announced: number;
  /** Those whose data begins. */
  readonly frames: readonly ApngFrame[];
  /** Chunks that hold for all of them: header, palette, profile ... */
  readonly common: readonly Chunk[];
}

export interface ApngFrame extends Size {
  readonly x: number;
  readonly y: number;
  /** Milliseconds; 0: as short as can be. */
  readonly delay: number;
  /** Disposal of the frame's part of the canvas before the next frame, as in fcTL. */
  readonly dispose: number;
  readonly blend: number;
  readonly data: readonly Chunk[];
}

export interface Chunk {
  readonly type: string;
  /** Position of its data in the file, bytes. */
  readonly at: number;
  readonly length: number;
}

const SIGNATURE = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');
/** Length and type before the data of a chunk, a checksum behind it. */
const HEAD_BYTES = 8;
const CHECKSUM_BYTES = 4;
const DEFAULT_DENOMINATOR = 100;
const DISPOSE = { background: 1, previous: 2 } as const;
const BLEND_SOURCE = 0;
/** As sharp has it for other pictures. */
const MAX_PIXELS = 0x3fff ** 2;

// --- headers ---

/** Undefined of a PNG that is not animated. */
export async function scanApng(file: FileReader): Promise<Apng | undefined> {
  const common: Chunk[] = [];
  const frames: (ApngFrame & { readonly data: Chunk[] })[] = [];
  let announced: number | undefined;
  let isHead = true;
  for await (const chunk of chunksOf(file)) {
    if (chunk.type === 'IDAT') isHead = false;
    if (chunk.type === 'acTL') announced = (await file.read(chunk.at, 4))?.getUint32(0);
    else if (chunk.type === 'fcTL') frames.push(...(await readControl(file, chunk)));
    // pixels before the first control chunk are for viewers that show a still picture
    else if (chunk.type === 'IDAT' || chunk.type === 'fdAT') frames.at(-1)?.data.push(chunk);
    else if (isHead) common.push(chunk);
    // what says that it is animated comes before the pixels
    if (chunk.type === 'IDAT' && announced === undefined) return undefined;
  }
  const size = await file.read(SIGNATURE.length + HEAD_BYTES, 8);
  if (announced === undefined || !size) return undefined;
  return { width: size.getUint32(0), height: size.getUint32(4), announced, common, frames };
}

async function* chunksOf(file: FileReader): AsyncGenerator<Chunk, void, void> {
  for (let at = SIGNATURE.length; ;) {
    const head = await file.read(at, HEAD_BYTES);
    if (!head) return;
    const chunk = { type: textOf(head, 4), at: at + HEAD_BYTES, length: head.getUint32(0) };
    yield chunk;
    if (chunk.type === 'IEND') return;
    at = chunk.at + chunk.length + CHECKSUM_BYTES;
  }
}

const textOf = (view: DataView, at: number): string =>
  String.fromCharCode(...[0, 1, 2, 3].map((i) => view.getUint8(at + i)));

/** None where the file ends within it. */
async function readControl(file: FileReader, { at }: Chunk): Promise<(ApngFrame & { data: Chunk[] })[]> {
  const view = await file.read(at, 26);
  if (!view) return [];
  const [width, height, x, y] = [4, 8, 12, 16].map((offset) => view.getUint32(offset)) as [
    number,
    number,
    number,
    number,
  ];
  const delay = (1000 * view.getUint16(20)) / (view.getUint16(22) || DEFAULT_DENOMINATOR);
  return [{ width, height, x, y, delay, dispose: view.getUint8(24), blend: view.getUint8(25), data: [] }];
}

// --- pixels ---

/** RGBA, or why there is none. */
export type ApngPicture = { readonly rgba: Uint8Array } | { readonly why: string };

/** One a frame, in order, whole pictures. @throws Error of the file system */
export async function* decodeApng(path: string): AsyncGenerator<ApngPicture & Size, void, void> {
  const file = await openReader(path);
  try {
    const apng = await scanApng(file);
    if (apng) yield* compose(apng, (frame) => decodeFrame(file, apng, frame));
  } finally {
    await file.close();
  }
}

async function* compose(
  { width, height, frames }: Apng,
  decode: (frame: ApngFrame) => Promise<ApngPicture>,
): AsyncGenerator<ApngPicture & Size, void, void> {
  if (width * height > MAX_PIXELS) throw new Error(`${width} x ${height} pixels are too many`);
  let canvas: Uint8Array | undefined;
  let broken: string | undefined;
  for (const [i, frame] of frames.entries()) {
    const part = await decode(frame);
    // what comes after a picture that is missing is made of it, unless it covers all
    if ('why' in part) broken = `picture ${i}: ${part.why}`;
    else if (isWhole(frame, { width, height })) broken = undefined;
    if (broken !== undefined || 'why' in part) {
      yield { why: broken!, width, height };
      continue;
    }
    // not before a header has turned out to be whole: a damaged one may tell any size
    const before: Uint8Array = canvas ?? new Uint8Array(4 * width * height);
    canvas = before.slice();
    paint(canvas, width, frame, part.rgba);
    yield { rgba: canvas, width, height };
    // there is nothing before the first picture to go back to
    if (frame.dispose === DISPOSE.previous && i > 0) canvas = before;
    else if (frame.dispose !== 0) canvas = cleared(canvas, width, frame);
  }
}

const isWhole = ({ x, y, width, height, blend }: ApngFrame, all: Size): boolean =>
  x === 0 && y === 0 && width === all.width && height === all.height && blend === BLEND_SOURCE;

function paint(
  canvas: Uint8Array,
  canvasWidth: number,
  { x, y, width, height, blend }: ApngFrame,
  rgba: Uint8Array,
): void {
  for (let row = 0; row < height; row++) {
    const source = rgba.subarray(4 * row * width, 4 * (row + 1) * width);
    const target = canvas.subarray(4 * ((y + row) * canvasWidth + x));
    if (blend === BLEND_SOURCE) target.set(source);
    else for (let i = 0; i < source.length; i += 4) blendPixel(target, source, i);
  }
}

/** Over what is there; colours are not multiplied by their alpha. */
function blendPixel(target: Uint8Array, source: Uint8Array, at: number): void {
  const alpha = source[at + 3]! / 255;
  const below = (target[at + 3]! / 255) * (1 - alpha);
  const sum = alpha + below;
  for (let i = at; i < at + 3; i++) {
    target[i] = sum === 0 ? 0 : Math.round((source[i]! * alpha + target[i]! * below) / sum);
  }
  target[at + 3] = Math.round(255 * sum);
}

function cleared(canvas: Uint8Array, canvasWidth: number, { x, y, width, height }: ApngFrame): Uint8Array {
  const result = canvas.slice();
  for (let row = y; row < y + height; row++) {
    result.fill(0, 4 * (row * canvasWidth + x), 4 * (row * canvasWidth + x + width));
  }
  return result;
}

/** As a PNG file of its own. */
async function decodeFrame(file: FileReader, { common, width, height }: Apng, frame: ApngFrame): Promise<ApngPicture> {
  try {
    if (frame.x + frame.width > width || frame.y + frame.height > height)
      throw new Error('it lies outside the picture');
    const sharp = await loadSharp();
    const { data, info } = await sharp(await extract(file, common, frame), { failOn: 'error' })
      .toColourspace('srgb')
      .ensureAlpha()
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    return { rgba: info.channels === 4 ? data : greyToRgba(data) };
  } catch (error) {
    return { why: error instanceof Error ? error.message.trim() : String(error) };
  }
}

/** Expands grey and alpha to RGBA. */
function greyToRgba(data: Uint8Array): Uint8Array {
  return Uint8Array.from({ length: 2 * data.length }, (_, i) => data[2 * Math.floor(i / 4) + (i % 4 === 3 ? 1 : 0)]!);
}

async function extract(
  file: FileReader,
  common: readonly Chunk[],
  { width, height, data }: ApngFrame,
): Promise<Buffer> {
  const parts: Buffer[] = [SIGNATURE];
  for (const chunk of common) {
    if (chunk.type === 'acTL') continue;
    const bytes = Buffer.from(await readChunk(file, chunk));
    if (chunk.type === 'IHDR') {
      bytes.writeUInt32BE(width, 0);
      bytes.writeUInt32BE(height, 4);
    }
    parts.push(toChunk(chunk.type, bytes));
  }
  for (const chunk of data) {
    const bytes = await readChunk(file, chunk);
    // a number of its own stands before the pixels of all pictures but the first
    parts.push(toChunk('IDAT', chunk.type === 'fdAT' ? bytes.subarray(4) : bytes));
  }
  return Buffer.concat([...parts, toChunk('IEND', Buffer.alloc(0))]);
}

/** @throws Error where it is damaged or cut off */
async function readChunk(file: FileReader, { type, at, length }: Chunk): Promise<Buffer> {
  const view = await file.read(at - 4, 4 + length + CHECKSUM_BYTES);
  if (!view) throw new Error('the file is cut off');
  const bytes = Buffer.from(view.buffer, view.byteOffset, 4 + length);
  if (crc32(bytes) !== view.getUint32(4 + length)) throw new Error(`its ${type} chunk is damaged`);
  return bytes.subarray(4);
}

function toChunk(type: string, data: Buffer): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUInt32BE(data.length);
  head.write(type, 4, 'latin1');
  const tail = Buffer.alloc(CHECKSUM_BYTES);
  tail.writeUInt32BE(crc32(data, crc32(head.subarray(4))));
  return Buffer.concat([head, data, tail]);
}

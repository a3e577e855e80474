/** Contents of an image file, told from its headers: one picture, or several and how long each is shown. */
import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { messageOf } from '../errors.js';
import { scanApng } from './apng.js';
import { openReader, type FileReader } from './file-reader.js';
import { scanGif } from './gif.js';
import { scanTiff } from './tiff.js';
import { loadSharp } from './sharp.js';

export interface Pages {
  /** still: one picture; pages: several, for decodePages(); apng: several, for decodeApng(); video: several, for ffmpeg; other: no image. */
  readonly kind: 'still' | 'pages' | 'apng' | 'video' | 'other';
  /** The pages that are frames, numbered as in the file. */
  readonly numbers: readonly number[];
  /** Milliseconds that each of them is shown; left out where the file does not say. */
  readonly delays?: readonly number[];
  /** Why the file should hold more pictures than it does. */
  readonly fault?: string | undefined;
}

export const STILL: Pages = { kind: 'still', numbers: [0] };
const OTHER: Pages = { kind: 'other', numbers: [0] };
/** An AVIF sequence: an MP4 file of AV1. */
const VIDEO: Pages = { kind: 'video', numbers: [0] };

/** JPEG files hold one picture: what some carry beside it (a preview, a map of depths) is no frame. */
const ONE_PICTURE = /^\.jpe?g$/i;

/** By its ending: saves looking into thousands of files. */
export function holdsOne(file: string): boolean {
  return ONE_PICTURE.test(extname(file));
}

/** True if a file holds several pictures. */
export async function holdsSeveral(file: string): Promise<boolean> {
  const { kind, numbers } = await readPages(file);
  return kind === 'video' || numbers.length > 1;
}

/** Reads the headers. Never throws: when a file cannot be read, decoding says why. */
export async function readPages(path: string): Promise<Pages> {
  const file = await openReader(path).catch(() => undefined);
  try {
    return file ? await lookInto(path, file) : STILL;
  } catch {
    return STILL;
  } finally {
    await file?.close();
  }
}

/** The longest list of brands of an AVIF file that is looked at. */
const HEAD_BYTES = 256;

async function lookInto(path: string, file: FileReader): Promise<Pages> {
  const head = await file.read(0, Math.min(HEAD_BYTES, file.size));
  const kind = head && kindOf(head);
  switch (kind) {
    case undefined:
      return OTHER;
    case 'avis':
      return VIDEO;
    case 'png':
      return apngPages(file);
    case 'gif':
      return gifPages(path);
    case 'webp':
      return webpPages(path);
    case 'tiff':
      return tiffPages(file);
    case 'still':
      return STILL;
  }
}

type Kind = 'still' | 'png' | 'gif' | 'webp' | 'tiff' | 'avis';

/** Told by the first bytes, whatever the file is called. */
function kindOf(head: DataView): Kind | undefined {
  const text = String.fromCharCode(...new Uint8Array(head.buffer, head.byteOffset, head.byteLength));
  if (text.startsWith('\xff\xd8\xff')) return 'still';
  if (text.startsWith('\x89PNG\r\n\x1a\n')) return 'png';
  if (/^GIF8[79]a/.test(text)) return 'gif';
  if (/^(II[*+]\0|MM\0[*+])/.test(text)) return 'tiff';
  if (/^RIFF.{4}WEBP/s.test(text)) return isAnimatedWebp(text) ? 'webp' : 'still';
  if (!/^.{4}ftyp/s.test(text)) return undefined;
  const brands = text.slice(8, head.getUint32(0));
  if (brands.includes('avis')) return 'avis';
  return brands.includes('avif') ? 'still' : undefined;
}

/** The flag of the extended header. */
function isAnimatedWebp(text: string): boolean {
  return text.startsWith('VP8X', 12) && (text.charCodeAt(20) & 2) !== 0;
}

/** Shown for less, a GIF was meant for machines that were slower: browsers and ffmpeg show its pictures for 100 ms each. */
const MIN_GIF_DELAY = 20;
const DEFAULT_DELAY = 100;

async function gifPages(path: string): Promise<Pages> {
  const { images, whole } = scanGif(await readFile(path));
  const { count, delays, fault } = await sharpPages(path);
  if (fault !== undefined) return { ...STILL, fault };
  const kept = whole ? count : Math.max(1, Math.min(count, images));
  if (kept === 1 && whole) return STILL;
  return {
    ...several(
      kept,
      delays.map((delay) => (delay < MIN_GIF_DELAY ? DEFAULT_DELAY : delay)),
    ),
    fault: whole ? undefined : `cut off after ${images} pictures`,
  };
}

async function webpPages(path: string): Promise<Pages> {
  const { count, delays, fault } = await sharpPages(path);
  if (fault !== undefined) return { ...STILL, fault };
  return count === 1 ? STILL : several(count, delays.map(orDefault));
}

/** No time at all is none that could be shown. */
const orDefault = (delay: number): number => (delay > 0 ? delay : DEFAULT_DELAY);

function several(count: number, delays: readonly number[]): Pages {
  const numbers = Array.from({ length: count }, (_, i) => i);
  return { kind: 'pages', numbers, delays: numbers.map((i) => delays[i] ?? DEFAULT_DELAY) };
}

async function sharpPages(path: string): Promise<{ count: number; delays: readonly number[]; fault?: string }> {
  const sharp = await loadSharp();
  try {
    const { pages = 1, delay = [] } = await sharp(path).metadata();
    return { count: pages, delays: delay };
  } catch (error) {
    return { count: 1, delays: [], fault: `damaged, only its first picture can be found (${messageOf(error).trim()})` };
  }
}

async function apngPages(file: FileReader): Promise<Pages> {
  const scan = await scanApng(file);
  if (!scan || scan.announced <= 1) return STILL;
  // where the file ends before the first, that is the one that is missing
  const delays = scan.frames.length > 0 ? scan.frames.map(({ delay }) => orDefault(delay)) : [DEFAULT_DELAY];
  const fault = delays.length < scan.announced ? `cut off, it says that it has ${scan.announced} pictures` : undefined;
  return { kind: 'apng', numbers: [...delays.keys()], delays, fault };
}

async function tiffPages(file: FileReader): Promise<Pages> {
  const { pages, fault } = (await scanTiff(file)) ?? { pages: [], fault: undefined };
  if (pages.length === 0) return STILL;
  const isStill = pages.length === 1 && pages[0] === 0;
  return { kind: isStill ? 'still' : 'pages', numbers: pages, fault };
}

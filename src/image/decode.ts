/** Image files to frames. */
import { lstat, readlink } from 'node:fs/promises';
import { extname } from 'node:path';
import type { Metadata, Sharp, SharpOptions } from 'sharp';
import { messageOf, TrackerError } from '../errors.js';
import type { Frame } from './frame.js';
import { loadSharp } from './sharp.js';

/** The kinds that are taken from a folder of images. */
export const IMAGE_EXTENSIONS: readonly string[] = '.jpg .jpeg .jpe .jfif .png .apng .webp .tif .tiff .avif .gif'.split(
  ' ',
);

export type RgbImage = Pick<Frame, 'data' | 'width' | 'height'>;

/** Background of transparent pixels. */
const BEHIND = '#000000';

/**
 * Decodes an image file: upright (EXIF), RGB, 8 bit; grey, alpha (over black), CMYK and 16 bit are converted.
 * @param page of a file that holds several
 * @throws TrackerError IMAGE_UNREADABLE
 */
export async function decodeImage(path: string, page = 0): Promise<RgbImage> {
  const [image] = await decodePages(path, page, 1);
  return image!;
}

/**
 * Several pages in a row, which are of one size: faster than one after the other, because those of an animation are made of the ones before.
 * @param failOn 'truncated' where the file is known to be damaged elsewhere
 * @throws TrackerError IMAGE_UNREADABLE where one of them cannot be decoded, or their sizes differ
 */
export async function decodePages(
  path: string,
  page: number,
  pages: number,
  failOn: 'error' | 'truncated' = 'error',
): Promise<RgbImage[]> {
  try {
    const image = await openFile(path, { page, pages, failOn });
    const { data, info } = await image
      .toColourspace('srgb')
      .flatten({ background: BEHIND })
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    const rgb = info.channels === 3 ? data : greyToRgb(data, info.channels);
    const { width } = info;
    const height = info.height / pages;
    const bytes = 3 * width * height;
    if (pages === 1) return [{ data: rgb, width, height }];
    // each its own: who keeps one does not keep them all
    return Array.from({ length: pages }, (_, i) => ({ data: rgb.slice(i * bytes, (i + 1) * bytes), width, height }));
  } catch (cause) {
    throw new TrackerError('IMAGE_UNREADABLE', `image ${path}: ${await reasonOf(path, cause)}`, {
      hint: 'expected a JPEG, PNG, WebP, TIFF, AVIF or GIF file that is whole',
      cause,
    });
  }
}

/** Only these files may hold samples of other kinds than 8 and 16 bit without a sign. */
const ODD_SAMPLES = /^\.tiff?$/i;

async function openFile(path: string, options: SharpOptions): Promise<Sharp> {
  const sharp = await loadSharp();
  const image = sharp(path, options);
  if (ODD_SAMPLES.test(extname(path))) await checkSamples(image, await image.metadata());
  // throws where several pages would have to be turned: only one can be at a time
  return image.rotate();
}

/** Bands of colours and one of transparency. */
const MAX_CHANNELS = 4;
const MAX_CHANNELS_CMYK = 5;

/** @throws Error where nobody has agreed which number is white */
async function checkSamples(image: Sharp, { depth, channels, space }: Metadata): Promise<void> {
  if (channels > (space === 'cmyk' ? MAX_CHANNELS_CMYK : MAX_CHANNELS)) {
    throw new Error(
      `found ${channels} channels a pixel, expected grey, RGB or CMYK: export the channels that are to be seen`,
    );
  }
  if (depth === 'uchar' || depth === 'ushort') return;
  const isFloat = depth === 'float' || depth === 'double';
  const stats = isFloat ? (await image.stats()).channels : [];
  const [low, high] = [Math.min(...stats.map(({ min }) => min)), Math.max(...stats.map(({ max }) => max))];
  // as 8 bit would have them
  if (isFloat && !space.endsWith('16') && low >= 0 && high > 1 && high <= 255) return;
  const found = isFloat ? `floating-point numbers from ${low} to ${high}` : `numbers of the kind "${depth}"`;
  throw new Error(
    `its pixels are ${found}, expected 8 or 16 bit without a sign: convert it, so that it is clear what is white`,
  );
}

/** In the words of people, where the file itself is the reason. */
async function reasonOf(path: string, cause: unknown): Promise<string> {
  const found = await lstat(path).catch(() => undefined);
  if (found?.isFile() && found.size === 0) return 'it is empty';
  const target = found?.isSymbolicLink() && /missing/i.test(messageOf(cause)) ? await readlink(path) : undefined;
  // sharp's libraries say some things twice
  return target === undefined
    ? messageOf(cause).trim().split('\n')[0]!
    : `it is a link to ${target}, which is not there`;
}

function greyToRgb(data: Uint8Array, channels: number): Uint8Array {
  const result = new Uint8Array((data.length / channels) * 3);
  for (let i = 0; i < result.length; i++) result[i] = data[Math.floor(i / 3) * channels]!;
  return result;
}

/** Over black, as all transparent pictures are. */
export function flattenRgba(rgba: Uint8Array): Uint8Array {
  const result = new Uint8Array((rgba.length / 4) * 3);
  for (let from = 0, to = 0; from < rgba.length; from += 4) {
    const alpha = rgba[from + 3]! / 255;
    for (let i = 0; i < 3; i++) result[to++] = Math.round(rgba[from + i]! * alpha);
  }
  return result;
}

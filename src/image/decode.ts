/** Image files to frames. */
import { messageOf, TrackerError } from '../errors.js';
import type { Frame } from './frame.js';
import { loadSharp } from './sharp.js';

/** The kinds that are taken from a folder of images. */
export const IMAGE_EXTENSIONS: readonly string[] = ['.jpg', '.jpeg', '.png', '.webp', '.tif', '.tiff', '.avif', '.gif'];

export type RgbImage = Pick<Frame, 'data' | 'width' | 'height'>;

/**
 * Decodes an image file: upright (EXIF), RGB, 8 bit; grey, alpha, CMYK and 16 bit are converted.
 * @throws TrackerError IMAGE_UNREADABLE
 */
export async function decodeImage(path: string): Promise<RgbImage> {
  const sharp = await loadSharp();
  try {
    const { data, info } = await sharp(path, { failOn: 'error' })
      .rotate()
      .toColourspace('srgb')
      .flatten({ background: '#000000' })
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    return {
      data: info.channels === 3 ? data : greyToRgb(data, info.channels),
      width: info.width,
      height: info.height,
    };
  } catch (cause) {
    throw new TrackerError('IMAGE_UNREADABLE', `image ${path}: ${messageOf(cause)}`, {
      hint: 'expected a JPEG, PNG, WebP, TIFF or GIF file that is whole',
      cause,
    });
  }
}

function greyToRgb(data: Uint8Array, channels: number): Uint8Array {
  const result = new Uint8Array((data.length / channels) * 3);
  for (let i = 0; i < result.length; i++) result[i] = data[Math.floor(i / 3) * channels]!;
  return result;
}

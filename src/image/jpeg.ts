/** A frame as JPEG, for the page. */
import type { Frame } from './frame.js';
import { loadSharp } from './sharp.js';

const QUALITY = 85;

/** @param maxSide a frame with a longer side is made smaller, pixels */
export async function encodeJpeg(
  { data, width, height }: Pick<Frame, 'data' | 'width' | 'height'>,
  maxSide: number,
): Promise<Buffer> {
  const sharp = await loadSharp();
  return sharp(data, { raw: { width, height, channels: 3 } })
    .resize(maxSide, maxSide, { fit: 'inside', withoutEnlargement: true })
    .jpeg({ quality: QUALITY })
    .toBuffer();
}

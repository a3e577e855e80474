/** A picture of another size, brought to that of the video it is a frame of. */
import type { Size } from '../geometry.js';
import type { RgbImage } from './decode.js';
import { loadSharp } from './sharp.js';

/** Stretched to the size, as ffmpeg does with a video that changes its size; the picture itself where it has that size. */
export async function fitImage(image: RgbImage, { width, height }: Size): Promise<RgbImage> {
  if (image.width === width && image.height === height) return image;
  // loaded here: few pictures need it
  const sharp = await loadSharp();
  const raw = { width: image.width, height: image.height, channels: 3 } as const;
  const data = await sharp(image.data, { raw }).resize(width, height, { fit: 'fill' }).raw().toBuffer();
  return { data, width, height };
}

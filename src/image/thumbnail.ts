/** A part of a frame, made small, with boxes drawn into it, as JPEG. */
import type { FrameBox, Size } from '../geometry.js';
import { drawBoxes, type Outline } from './draw.js';
import type { Frame } from './frame.js';
import { loadSharp } from './sharp.js';

const QUALITY = 72;

/**
 * @param window the part that is shown, frame pixels, whole numbers inside the frame
 * @param outlines in frame pixels; drawn after shrinking, so that lines stay as fine as they are
 */
export async function thumbnail(
  { data, width, height }: Pick<Frame, 'data' | 'width' | 'height'>,
  window: FrameBox,
  size: Size,
  outlines: readonly Outline[],
): Promise<Uint8Array> {
  const sharp = await loadSharp();
  const small = await sharp(data, { raw: { width, height, channels: 3 } })
    .extract({ left: window.x, top: window.y, width: window.w, height: window.h })
    .resize(size.width, size.height, { fit: 'fill' })
    .raw()
    .toBuffer();
  const image = { data: small, width: size.width, height: size.height };
  const [sx, sy] = [size.width / window.w, size.height / window.h];
  const moved = outlines.map(({ box, ...look }) => ({
    ...look,
    box: { x: (box.x - window.x) * sx, y: (box.y - window.y) * sy, w: box.w * sx, h: box.h * sy },
  }));
  drawBoxes(image, moved);
  return sharp(small, { raw: { width: size.width, height: size.height, channels: 3 } })
    .jpeg({ quality: QUALITY, chromaSubsampling: '4:4:4' }) // thin coloured lines blur otherwise
    .toBuffer();
}

/** The surroundings of an object as a small square picture. */
import type { FrameBox } from '../src/geometry.js';
import { resample } from '../src/image/crop.js';
import type { Frame } from '../src/image/frame.js';

export interface View {
  /** RGB, [size, size, 3]. */
  readonly rgb: Float32Array;
  /** From frame pixels to those of the view. */
  place(box: FrameBox): FrameBox;
}

/**
 * A square of `zoom` times the object's size about it, no larger than the frame and inside it where that is possible.
 * @param size side of the view, pixels
 */
export function viewAbout(
  frame: Pick<Frame, 'data' | 'width' | 'height'>,
  object: FrameBox,
  zoom: number,
  size: number,
): View {
  const side = Math.min(Math.max(frame.width, frame.height), zoom * Math.sqrt(object.w * object.h));
  const centre = (at: number, extent: number): number =>
    extent < side ? extent / 2 : Math.min(extent - side / 2, Math.max(side / 2, at));
  const cx = centre(object.x + object.w / 2, frame.width);
  const cy = centre(object.y + object.h / 2, frame.height);
  const scale = size / side;
  return {
    rgb: resample(frame, { cx, cy, width: side, height: side, out: size }),
    place: ({ x, y, w, h }) => ({
      x: (x - cx) * scale + size / 2,
      y: (y - cy) * scale + size / 2,
      w: w * scale,
      h: h * scale,
    }),
  };
}

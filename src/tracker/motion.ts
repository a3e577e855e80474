/** How an object moves, and which boxes are possible from one frame to the next. */
import type { FrameBox, Size } from '../geometry.js';

/** Velocity of the box's centre, frame pixels a frame, while the object is seen; it decays while the object is not seen. */
export interface Velocity {
  readonly x: number;
  readonly y: number;
  /** Mean distance of single steps from the velocity, pixels. */
  readonly unsteady: number;
}

export const AT_REST: Velocity = { x: 0, y: 0, unsteady: 0 };

/** A box and how it moves. */
export interface Motion {
  readonly box: FrameBox;
  readonly velocity: Velocity;
}

/** Weight of the newest step in the velocity. */
const VELOCITY_GAIN = 0.2;
/** Factor on the velocity for each frame in which the object is not seen. */
const COAST_DECAY = 0.95;
/** An unseen object goes on only if its speed is so many times its unsteadiness: others turn. */
const STEADY = 3;

/** The velocity after one more step that was seen. */
export function nextVelocity({ x, y, unsteady }: Velocity, last: FrameBox, box: FrameBox): Velocity {
  const dx = box.x + box.w / 2 - last.x - last.w / 2 - x;
  const dy = box.y + box.h / 2 - last.y - last.h / 2 - y;
  return {
    x: x + VELOCITY_GAIN * dx,
    y: y + VELOCITY_GAIN * dy,
    unsteady: unsteady + VELOCITY_GAIN * (Math.hypot(dx, dy) - unsteady),
  };
}

/**
 * The motion of an object that is seen.
 * @param jumped it was found somewhere else, which is no motion; @param sure the last box and this one are: other steps are noise
 */
export function moveOn({ box: last, velocity }: Motion, box: FrameBox, jumped: boolean, sure: boolean): Motion {
  if (jumped) return { box, velocity: AT_REST };
  return { box, velocity: sure ? nextVelocity(velocity, last, box) : velocity };
}

/**
 * The motion of an object that is not seen, because something covers it: one that moved steadily goes on, ever slower, inside the frame; any
 * other stays where it was.
 */
export function coast({ box, velocity }: Motion, frame: Size): Motion {
  const { x, y, unsteady } = velocity;
  if (Math.hypot(x, y) < STEADY * unsteady) return { box, velocity };
  const moved = limitBox({ ...box, x: box.x + x, y: box.y + y }, box, frame);
  return { box: moved, velocity: { x: COAST_DECAY * x, y: COAST_DECAY * y, unsteady: COAST_DECAY * unsteady } };
}

/** Largest change of log width and log height in one frame. */
const MAX_LOG_STEP = 0.3;
/** Smallest side of a box, pixels; a smaller first box may stay as small as it was. */
const MIN_SIDE = 4;
/** Largest side of a box, in sides of the frame. */
const MAX_SHARE = 1.2;

/** The nearest possible box: its size changes step by step, its centre stays inside the frame. If a number is not finite, the last box. */
export function limitBox(box: FrameBox, last: FrameBox, frame: Size): FrameBox {
  if (![box.x, box.y, box.w, box.h].every(Number.isFinite)) return last;
  const side = (now: number, before: number, extent: number): number => {
    const step = Math.exp(Math.min(MAX_LOG_STEP, Math.max(-MAX_LOG_STEP, Math.log(now / before))));
    return Math.min(MAX_SHARE * extent, Math.max(Math.min(MIN_SIDE, before), before * step));
  };
  const w = side(box.w, last.w, frame.width);
  const h = side(box.h, last.h, frame.height);
  const cx = Math.min(frame.width, Math.max(0, box.x + box.w / 2));
  const cy = Math.min(frame.height, Math.max(0, box.y + box.h / 2));
  return { x: cx - w / 2, y: cy - h / 2, w, h };
}

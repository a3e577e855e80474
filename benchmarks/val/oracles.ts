/** Oracles: each tells the tracker a part of the truth after a frame; what the score gains is what that part costs. */
import { intersectionOverUnion, type FrameBox } from '../../src/geometry.js';

/** The box that the tracker goes on from, given its own box and the true one. */
export const ORACLES = {
  none: (box: FrameBox) => box,
  /** True centre, size of the tracker. */
  centre: (box: FrameBox, truth: FrameBox) => withSize(truth, box),
  /** True size, centre of the tracker. */
  size: (box: FrameBox, truth: FrameBox) => withSize(box, truth),
  /** A perfect box head: the true box where the tracker's one overlaps it by a third. */
  'box-head': (box: FrameBox, truth: FrameBox) => (intersectionOverUnion(box, truth) > 1 / 3 ? truth : box),
  /** A perfect target model: the true centre where the tracker's one is off by more than half the object. */
  classifier: (box: FrameBox, truth: FrameBox) => (isOff(box, truth) ? withSize(truth, box) : box),
  /** Set on the object again where it has lost it; the frame of the loss counts as lost. */
  restart: (box: FrameBox, truth: FrameBox) => (intersectionOverUnion(box, truth) === 0 ? truth : box),
} satisfies Record<string, (box: FrameBox, truth: FrameBox) => FrameBox>;
export type Oracle = keyof typeof ORACLES;

function withSize(place: FrameBox, { w, h }: FrameBox): FrameBox {
  return { x: place.x + (place.w - w) / 2, y: place.y + (place.h - h) / 2, w, h };
}

function isOff(box: FrameBox, truth: FrameBox): boolean {
  const dx = box.x + box.w / 2 - truth.x - truth.w / 2;
  const dy = box.y + box.h / 2 - truth.y - truth.h / 2;
  return Math.abs(dx) > truth.w / 2 || Math.abs(dy) > truth.h / 2;
}

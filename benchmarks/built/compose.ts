/** The frames of a case, made as they are taken, with the truth of each. */
import type { FrameBox } from '../../src/geometry.js';
import type { Frame } from '../../src/image/frame.js';
import { boxesOf, clipFrames } from './footage.js';
import { isWithin, patchAt, sizeOf, truthOf, type BuiltCase, type Cover, type Truth } from './case.js';
import { cutOut, fit, matchLight, paste, softBox, softOval, type Picture } from './pixels.js';

export interface CaseFrame {
  readonly frame: Frame;
  readonly truth: Truth;
}

/** Frames a second that built cases are taken to have. */
export const CASE_FPS = 25;

/** @throws TrackerError VIDEO_UNREADABLE, DATA_INVALID */
export async function* composeCase(built: BuiltCase): AsyncGenerator<CaseFrame, void, void> {
  const truth = truthOf(built);
  let index = 0;
  for await (const { data, width, height } of pictures(built)) {
    yield { frame: { data, width, height, index, time: index / CASE_FPS }, truth: truth[index]! };
    index++;
  }
}

async function* pictures(built: BuiltCase): AsyncGenerator<Picture, void, void> {
  const { base, event } = built;
  const boxes = boxesOf(base);
  // the other video's frames are taken as they are needed
  const other = 'other' in event ? clipFrames(event.other) : undefined;
  const otherBoxes = 'other' in event ? boxesOf(event.other) : [];
  let texture: Picture | undefined;
  let index = -1;
  try {
    for await (const frame of clipFrames(base)) {
      index++;
      const box = boxes[index]!;
      switch (event.type) {
        case 'cut':
          yield isWithin(index, event.at, event.other.order.length)
            ? await fit(await take(other!), sizeOf(built))
            : frame;
          break;
        case 'cover':
          if (index === event.at) texture = cutOut(frame, event.source);
          yield texture ? covered(frame, texture, event, box, index) : frame;
          break;
        case 'leave':
          yield cutOut(frame, event.windows[index]!);
          break;
        case 'cross': {
          const { dx, dy } = event.path[index]!;
          yield doubled(frame, box, dx, dy, event.inFront);
          break;
        }
        case 'rival':
          yield await joined(frame, box, await take(other!), otherBoxes[index]!, event.places[index]!);
          break;
      }
    }
  } finally {
    await other?.return();
  }
}

async function take(frames: AsyncGenerator<Frame, void, void>): Promise<Frame> {
  // a clip has as many frames as its case asks for, or throws
  return (await frames.next()).value as Frame;
}

function copyOf({ data, width, height }: Picture): Picture {
  return { data: data.slice(), width, height };
}

function covered(frame: Picture, texture: Picture, event: Cover, box: FrameBox, index: number): Picture {
  const patch = patchAt(event, box, index);
  if (!patch) return frame;
  const picture = copyOf(frame);
  paste(picture, texture, patch.x, patch.y, softBox(texture));
  return picture;
}

/** A copy of the target beside it. */
function doubled(frame: Picture, box: FrameBox, dx: number, dy: number, inFront: boolean): Picture {
  const picture = copyOf(frame);
  const place = wholePixels(box);
  const target = cutOut(frame, place);
  paste(picture, target, place.x + Math.round(dx), place.y + Math.round(dy), softOval);
  if (!inFront) paste(picture, target, place.x, place.y, softOval);
  return picture;
}

/** Another object beside the target, behind it where they meet. */
async function joined(
  frame: Picture,
  box: FrameBox,
  other: Picture,
  otherBox: FrameBox,
  place: FrameBox,
): Promise<Picture> {
  const picture = copyOf(frame);
  const object = await fit(cutOut(other, wholePixels(otherBox)), { width: place.w, height: place.h });
  paste(picture, matchLight(frame, object, place.x, place.y, softOval), place.x, place.y, softOval);
  const own = wholePixels(box);
  paste(picture, cutOut(frame, own), own.x, own.y, softOval);
  return picture;
}

function wholePixels({ x, y, w, h }: FrameBox): FrameBox {
  const [left, top] = [Math.round(x), Math.round(y)];
  return { x: left, y: top, w: Math.max(1, Math.round(x + w) - left), h: Math.max(1, Math.round(y + h) - top) };
}

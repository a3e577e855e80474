/** Annotated videos as material: any number of frames of one, forwards and backwards where it is short. */
import { TrackerError } from '../../src/errors.js';
import type { FrameBox, Size } from '../../src/geometry.js';
import type { Frame } from '../../src/image/frame.js';
import type { Random } from '../../src/random.js';
import { readSequences } from '../../src/datasets/footage.js';
import { openVideo } from '../../src/video/read.js';

/** A sequence and the size of its frames. */
export interface Footage extends Size {
  readonly name: string;
  readonly video: string;
  readonly boxes: readonly (FrameBox | undefined)[];
}

/** Frames of a sequence in the order in which they are shown; neighbours are at most one frame apart. */
export interface Clip {
  readonly footage: Footage;
  readonly order: readonly number[];
}

/** @throws TrackerError DATA_INVALID, VIDEO_UNREADABLE */
export async function readFootage(folder: string): Promise<Footage[]> {
  const found: Footage[] = [];
  for (const { name, video, boxes } of await readSequences(folder)) {
    const { width, height } = await openVideo(video);
    found.push({ name, video, boxes, width, height });
  }
  return found;
}

/** `count` frames of the longest annotated run, from a random place in it; of a run that is shorter all, forwards, backwards and so on. */
export function drawClip(footage: Footage, count: number, random: Random): Clip {
  const { first, length } = longestRun(footage.boxes);
  const start = first + (length > count ? random.integer(length - count + 1) : 0);
  const period = 2 * Math.max(1, length - 1);
  const order = Array.from({ length: count }, (_, i) => {
    const step = i % period;
    return start + (step < length ? step : period - step);
  });
  return { footage, order };
}

/** The longest run of frames that have a true box. */
function longestRun(boxes: Footage['boxes']): { first: number; length: number } {
  let best = { first: 0, length: 0 };
  let first = 0;
  boxes.forEach((box, index) => {
    if (!box) first = index + 1;
    else if (index + 1 - first > best.length) best = { first, length: index + 1 - first };
  });
  return best;
}

/** The true box in each frame of a clip. */
export function boxesOf({ footage, order }: Clip): FrameBox[] {
  return order.map((index) => {
    const box = footage.boxes[index];
    if (box) return box;
    throw new TrackerError(
      'DATA_INVALID',
      `${footage.name}: no true box in frame ${index}, and a case was made of it`,
      {
        hint: 'make the cases from annotated frames only',
      },
    );
  });
}

/** The frames of a clip. Frames that are shown again are kept till then, so that nothing is decoded twice. */
export async function* clipFrames({ footage, order }: Clip): AsyncGenerator<Frame, void, void> {
  const lastUse = new Map(order.map((index, position) => [index, position]));
  const kept = new Map<number, Frame>();
  const source = (await openVideo(footage.video)).frames();
  try {
    for (const [position, index] of order.entries()) {
      const frame = kept.get(index) ?? (await readUpTo(source, index, footage));
      if (lastUse.get(index) === position) kept.delete(index);
      else kept.set(index, frame);
      yield frame;
    }
  } finally {
    await source.return();
  }
}

async function readUpTo(source: AsyncGenerator<Frame, void, void>, index: number, footage: Footage): Promise<Frame> {
  for (;;) {
    const { value, done } = await source.next();
    if (done) {
      throw new TrackerError('DATA_INVALID', `${footage.video}: ends before frame ${index}, which has a true box`, {
        hint: 'check that video and groundtruth.txt belong together',
      });
    }
    if (value.index === index) return value;
  }
}

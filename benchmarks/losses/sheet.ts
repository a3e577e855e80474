/** Frames of a run that went wrong, side by side. */
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { drawText, type Colour } from '../../src/image/draw.js';
import type { Frame } from '../../src/image/frame.js';
import { writeSheet, type Tile } from '../../src/image/sheet.js';
import { openVideo } from '../../src/video/read.js';
import type { Footage } from '../built/footage.js';
import { viewAbout } from '../tile.js';
import { lossesOf, type Cause, type FrameLoss, type Trace } from './causes.js';

const TILE = 200;
const COLUMNS = 8;
/** Frames at even distances, and first frames of episodes beside them. */
const EVEN = 32;
const BEGINNINGS = 8;
/** Side of what a tile shows, of the object's size. */
const ZOOM = 7;

const TRUTH: Colour = [255, 255, 255];
const TEXT: Colour = [255, 255, 255];
const COLOURS: Readonly<Record<Cause, Colour>> = {
  'inexact size': [48, 224, 96],
  'inexact place': [48, 224, 200],
  'wrong size': [255, 224, 0],
  drifted: [255, 144, 0],
  jumped: [255, 48, 48],
  'out of view': [72, 168, 255],
  'never recovered': [224, 64, 224],
};

/** FOLDER/NAME.png: the true box dashed in white, the tracker's in the colour of the frame's cause, which is written above with the overlap. */
export async function writeLossSheet({ name, video }: Footage, trace: Trace, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const chosen = new Map(chooseFrames(lossesOf(trace)).map((loss) => [loss.index, loss]));
  const tiles: Tile[] = [];
  for await (const frame of (await openVideo(video)).frames()) {
    const loss = chosen.get(frame.index);
    if (loss) tiles.push(tileOf(frame, trace, loss));
  }
  await writeSheet(path.join(folder, `${name}.png`), tiles, TILE, COLUMNS);
}

/** Frames at even distances, and those with which the first episodes begin. */
export function chooseFrames(losses: readonly FrameLoss[]): FrameLoss[] {
  const step = Math.ceil(losses.length / EVEN);
  const beginnings = losses
    .filter(({ cause }, i) => !isInexact(cause) && i > 0 && isInexact(losses[i - 1]!.cause))
    .slice(0, BEGINNINGS);
  return losses.filter((loss, i) => i % step === 0 || beginnings.includes(loss));
}

const isInexact = (cause: Cause): boolean => cause.startsWith('inexact');

function tileOf(frame: Frame, { boxes, truth }: Trace, { index, cause, overlap }: FrameLoss): Tile {
  const { rgb, place } = viewAbout(frame, truth[index]!, ZOOM, TILE);
  const data = Uint8Array.from(rgb);
  drawText({ data, width: TILE, height: TILE }, 0, 0, TEXT, `${index} ${cause} ${overlap.toFixed(2)}`);
  return {
    rgb: data,
    outlines: [
      { box: place(boxes[index]!), colour: COLOURS[cause], dashed: false },
      { box: place(truth[index]!), colour: TRUTH, dashed: true },
    ],
  };
}

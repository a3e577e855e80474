/** Cases to look at: a sheet of pictures each, or a sequence folder each. */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { FrameBox } from '../../src/geometry.js';
import type { Colour } from '../../src/image/draw.js';
import { writeSheet, type Tile } from '../../src/image/sheet.js';
import { openVideoWriter } from '../../src/video/write.js';
import { viewAbout } from '../tile.js';
import { sizeOf, type BuiltCase, type Truth } from './case.js';
import { boxesOf } from './footage.js';
import { CASE_FPS, composeCase, type CaseFrame } from './compose.js';

const TILE = 200;
const COLUMNS = 8;
/** Tiles of a sheet at most. */
const TILES = 40;

/** Side of what a tile shows, of the target's size; a case in which it leaves the picture is shown whole. */
const ZOOM = 7;

const COLOURS: Readonly<Record<Truth['is'], Colour>> = {
  present: [48, 224, 96],
  absent: [255, 72, 72],
  unscored: [255, 184, 0],
};

/** FOLDER/NAME.png: frames at even distances, the true box in dashed green; the tile's rim red where the target is gone, amber where unscored. */
export async function writeCaseSheet(built: BuiltCase, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const step = Math.ceil(built.base.order.length / TILES);
  const tiles: Tile[] = [];
  const { width, height } = sizeOf(built);
  const boxes = boxesOf(built.base);
  for await (const item of composeCase(built)) {
    const { index } = item.frame;
    const about = built.event.type === 'leave' ? { x: 0, y: 0, w: width, h: height } : boxes[index]!;
    if (index % step === 0) tiles.push(tileOf(item, about));
  }
  await writeSheet(path.join(folder, `${built.name}.png`), tiles, TILE, COLUMNS);
}

/** @param about what the tile shows the surroundings of, pixels of the picture */
function tileOf({ frame, truth }: CaseFrame, about: FrameBox): Tile {
  const { rgb, place } = viewAbout(frame, about, ZOOM, TILE);
  const rim = { x: 2, y: 2, w: TILE - 4, h: TILE - 4 };
  const present = truth.is === 'present';
  return { rgb, outlines: [{ box: present ? place(truth.box) : rim, colour: COLOURS[truth.is], dashed: present }] };
}

/** FOLDER/NAME/video.mp4 and groundtruth.txt (NaN where the target is gone or the frame is not scored), as `evaluate folder` takes it. */
export async function writeCaseVideo(built: BuiltCase, folder: string): Promise<void> {
  const own = path.join(folder, built.name);
  await mkdir(own, { recursive: true });
  const writer = await openVideoWriter(path.join(own, 'video.mp4'), { ...sizeOf(built), fps: CASE_FPS });
  const lines: string[] = [];
  try {
    for await (const { frame, truth } of composeCase(built)) {
      await writer.write(frame);
      lines.push(
        truth.is === 'present' ? [truth.box.x, truth.box.y, truth.box.w, truth.box.h].join() : 'NaN,NaN,NaN,NaN',
      );
    }
    await writer.close();
  } finally {
    await writer.abort();
  }
  await writeFile(path.join(own, 'groundtruth.txt'), `${lines.join('\n')}\n`);
}

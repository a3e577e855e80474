import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { intersectionOverUnion, type FrameBox } from '../../src/geometry.js';
import { createRandom } from '../../src/random.js';
import { readBoxes } from '../../src/io/boxes-file.js';
import { openVideo } from '../../src/video/read.js';
import { flat, makeApng, makeGif, makeTiff, withPart, type Picture } from '../helpers/pictures.js';
import { cli } from '../helpers/terminal.js';
import { collect, temporaryFolder } from '../helpers/video.js';

const FRAMES = 5;
const SIZE = { width: 120, height: 90 };
const SQUARE = pattern(26, 22, 7, 200);
const GROUND = pattern(SIZE.width, SIZE.height, 3, 60);

/** Blots of a few colours, so that a GIF has room for them. */
function pattern(width: number, height: number, seed: number, brightness: number): Picture {
  const random = createRandom(seed);
  const colours = Array.from({ length: 12 }, () => [0, 1, 2].map(() => brightness + random.integer(50)));
  let picture = flat(width, height, [brightness, brightness, brightness]);
  for (let y = 0; y + 4 <= height; y += 4) {
    for (let x = 0; x + 4 <= width; x += 4) {
      const [r, g, b] = colours[random.integer(12)]!;
      picture = withPart(picture, { ...flat(4, 4, [r!, g!, b!]), x, y });
    }
  }
  return picture;
}

const boxOf = (frame: number): FrameBox => ({ x: 30 + 3 * frame, y: 24 + 2 * frame, w: 26, h: 22 });
const pictureOf = (frame: number): Picture => withPart(GROUND, { ...SQUARE, ...boxOf(frame) });
const PICTURES = Array.from({ length: FRAMES }, (_, i) => pictureOf(i));
const DELAYS = [40, 80, 40, 200, 40];
const TIMES = [0, 0.04, 0.12, 0.16, 0.36];
const EVEN = [0, 0.04, 0.08, 0.12, 0.16];

const timed = (): (Picture & { readonly delay: number })[] =>
  PICTURES.map((picture, i) => ({ ...picture, delay: DELAYS[i]! }));

/** Without transparency. */
function page({ width, height, rgba }: Picture) {
  const samples = Uint16Array.from(
    { length: 3 * width * height },
    (_, i) => 257 * rgba[4 * Math.floor(i / 3) + (i % 3)]!,
  );
  return { width, height, channels: 3, photometric: 2, samples };
}

async function webp(): Promise<Buffer> {
  const raw = { width: SIZE.width, height: FRAMES * SIZE.height, channels: 4, pageHeight: SIZE.height } as const;
  const tall = Buffer.concat(PICTURES.map(({ rgba }) => rgba));
  return sharp(tall, { raw }).webp({ lossless: true, delay: DELAYS }).toBuffer();
}

async function makeImages(folder: string): Promise<void> {
  await mkdir(folder);
  for (const [i, { width, height, rgba }] of PICTURES.entries())
    await sharp(rgba, { raw: { width, height, channels: 4 } })
      .png()
      .toFile(path.join(folder, `${i + 8}.png`));
}

/** Rows of a run from a frame on, beside what is known: one that is off by a frame shows. */
async function expectTracked(video: string, times: readonly number[], start = 0): Promise<void> {
  const out = path.join(await temporaryFolder(), 'out.csv');
  const { x, y, w, h } = boxOf(start);
  const args = ['--box', `${x},${y},${w},${h}`, '--threads', '1', '--out', out, '--video', `${out}.mp4`];
  const { exitCode, err } = await cli('track', video, ...args, ...(start > 0 ? ['--start', String(start)] : []));
  expect([exitCode, err]).toEqual([0, expect.not.stringContaining('warning')]);
  const rows = await readBoxes(out);
  expect(rows.map(({ frame, time }) => [frame, time])).toEqual(times.map((time, i) => [i, time]).slice(start));
  for (const { frame, box } of rows) expect(intersectionOverUnion(box, boxOf(frame))).toBeGreaterThan(0.8);

  const drawn = `${out}.drawn.mp4`;
  expect((await cli('convert', out, drawn, '--video', video)).exitCode).toBe(0);
  expect(await collect(await openVideo(`${out}.mp4`))).toHaveLength(FRAMES - start);
  expect(await collect(await openVideo(drawn))).toHaveLength(FRAMES);
}

describe('files with several pictures', () => {
  it.each([
    ['a.gif', () => makeGif(SIZE, timed())],
    ['a.png', () => makeApng(SIZE, timed())],
    ['a.webp', webp],
  ])('%s is tracked, written and drawn into frame by frame, with its times', async (name, make) => {
    const file = path.join(await temporaryFolder(), name);
    await writeFile(file, await make());
    await expectTracked(file, TIMES);
  });

  it('a stack of 16-bit TIFF pictures is, from any frame on', async () => {
    const file = path.join(await temporaryFolder(), 'a.tif');
    await writeFile(file, makeTiff(PICTURES.map(page)));
    await expectTracked(file, EVEN, 2);
  });
});

describe('a folder of images', () => {
  it('is tracked frame by frame, whatever lies between the images and however it is named', async () => {
    const root = await temporaryFolder();
    const folder = path.join(root, 'real');
    await makeImages(folder);
    for (const name of ['._8.png', '.DS_Store', 'Thumbs.db', '0.txt'])
      await writeFile(path.join(folder, name), 'no image');
    await mkdir(path.join(folder, '9.jpg'));
    await symlink('real', path.join(root, 'link'));
    await expectTracked(path.join(root, 'link', '*'), EVEN, 1);
  });

  it('with an image that cannot be read keeps the numbers of the others, and says so aloud', async () => {
    const root = await temporaryFolder();
    const folder = path.join(root, 'images');
    await makeImages(folder);
    await rm(path.join(folder, '10.png'));
    await symlink('gone.png', path.join(folder, '10.png'));
    const out = path.join(root, 'out.csv');
    const box = boxOf(0);
    const { exitCode, err } = await cli('track', folder, '--box', `${box.x},${box.y},${box.w},${box.h}`, '--out', out);
    expect([exitCode, err]).toEqual([
      0,
      expect.stringMatching(/warning: frame 2 left out: .*10\.png: it is a link to gone/),
    ]);
    const rows = await readBoxes(out);
    expect(rows.map(({ frame, time }) => [frame, time])).toEqual([0, 1, 3, 4].map((i) => [i, EVEN[i]]));
    for (const { frame, box: found } of rows) expect(intersectionOverUnion(found, boxOf(frame))).toBeGreaterThan(0.8);
    const drawn = await cli('convert', out, path.join(root, 'drawn.mp4'), '--video', folder);
    expect([drawn.exitCode, drawn.err]).toEqual([0, expect.stringMatching(/warning: frame 2 left out/)]);
  });
});

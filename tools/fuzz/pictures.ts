/** Folders of images with whatever lies in them, and files that hold several pictures: read by both readers, and compared with what is known. */
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import sharp from 'sharp';
import { TrackerError } from '../../src/errors.js';
import type { Frame } from '../../src/image/frame.js';
import type { Random } from '../../src/random.js';
import { openVideo } from '../../src/video/read.js';
import { openSeekable } from '../../src/video/seek.js';
import { flat, makeApng, makeGif, makeTiff, withPart, type Picture, type Placed } from '../../test/helpers/pictures.js';
import type { Folders } from './files.js';
import type { FuzzCase } from './kinds.js';
import { damageBytes, pick } from './mutate.js';

interface Known {
  readonly what: string;
  readonly path: string;
  /** Red of the first pixel; undefined where the frame cannot be read. */
  readonly reds: readonly (number | undefined)[];
  readonly times: readonly number[];
  /** intact; cut: what is given is right, but there may be less; damaged: it may even show something else. */
  readonly state: 'intact' | 'cut' | 'damaged';
}

export async function pictures(random: Random, folders: Folders): Promise<FuzzCase> {
  const known = random.uniform() < 0.5 ? await folderOf(random, folders) : await fileOf(random, folders);
  return { what: `${known.what}: ${known.path}`, run: () => compare(known) };
}

// --- folders ---

const LITTER = '._1.png .DS_Store Thumbs.db desktop.ini notes.txt .hidden.jpg 1.png.bak index.html 2.json'.split(' ');

async function folderOf(random: Random, { input }: Folders): Promise<Known> {
  const folder = path.join(input, 'images');
  await mkdir(folder);
  const endings =
    random.uniform() < 0.3 ? ['.png', '.PNG', '.webp'] : [pick(random, ['.png', '.webp', '.tif', '.gif'])];
  const reds: (number | undefined)[] = [];
  const start = random.integer(12);
  for (let i = 0; i < 1 + random.integer(8); i++) {
    const file = path.join(folder, `${pick(random, ['', '', '0'])}${start + i}${pick(random, endings)}`);
    reds.push(await placeImage(random, file, 10 + 20 * i));
  }
  for (const name of LITTER) if (random.uniform() < 0.4) await writeFile(path.join(folder, name), 'no image');
  if (random.uniform() < 0.3) await mkdir(path.join(folder, `${start}.5.png`));
  if (random.uniform() < 0.2) await symlink('..', path.join(folder, 'loop.png'));
  if (random.uniform() < 0.2) await symlink('.', path.join(folder, 'self'));
  const linked = path.join(input, 'link');
  await symlink('images', linked);
  const at = random.uniform() < 0.3 ? linked : folder;
  const times = reds.map((_, i) => i / 25);
  return { what: 'folder', path: random.uniform() < 0.4 ? path.join(at, '*') : at, reds, times, state: 'intact' };
}

/** @returns its red, undefined where it cannot be read */
async function placeImage(random: Random, file: string, red: number): Promise<number | undefined> {
  const choice = random.uniform();
  if (choice < 0.05) await symlink('nowhere', file);
  else if (choice < 0.1) await writeFile(file, pick(random, ['', 'text', '\0'.repeat(50)]));
  if (choice < 0.1) return undefined;
  const image = sharp({ create: { width: 12, height: 10, channels: 3, background: { r: red, g: 9, b: 9 } } });
  const bytes = await image.toFormat(path.extname(file).slice(1).toLowerCase() as 'png', { lossless: true }).toBuffer();
  const elsewhere = path.join(path.dirname(file), '..', `${red}.bin`);
  await writeFile(choice < 0.2 ? elsewhere : file, bytes);
  if (choice < 0.2) await symlink(elsewhere, file);
  return red;
}

// --- files that hold several ---

const SIZE = { width: 12, height: 10 };

/** Each picture is flat, or a part of it is painted over the one before. */
async function fileOf(random: Random, { input }: Folders): Promise<Known> {
  const count = 2 + random.integer(12);
  const delays = Array.from({ length: count }, () => 10 * pick(random, [2, 4, 4, 4, 10, 50]));
  const reds = Array.from({ length: count }, (_, i) => 10 + 18 * i);
  const parts = reds.map((red, i) => part(random, red, i, delays[i]!));
  const kind = pick(random, ['gif', 'png', 'tif', 'webp'] as const);
  let bytes = await encode(kind, random, parts);
  const choice = random.uniform();
  if (choice > 0.85) bytes = damageBytes(random, bytes);
  else if (choice > 0.6) bytes = bytes.subarray(0, random.integer(bytes.length));
  const file = path.join(input, `several.${kind}`);
  await writeFile(file, bytes);
  const state = choice > 0.85 ? 'damaged' : choice > 0.6 ? 'cut' : 'intact';
  const shown = kind === 'tif' ? delays.map(() => 40) : delays;
  const times = shown.map((_, i) => shown.slice(0, i).reduce((sum, delay) => sum + delay, 0) / 1000);
  return { what: `${kind}, ${state}`, path: file, reds, times, state };
}

function part(random: Random, red: number, position: number, delay: number): Placed {
  const [width, height] = position === 0 ? [12, 10] : [1 + random.integer(12), 1 + random.integer(10)];
  return { ...flat(width, height, [red, 9, 9]), delay };
}

async function encode(
  kind: 'gif' | 'png' | 'tif' | 'webp',
  random: Random,
  parts: readonly Placed[],
): Promise<Uint8Array> {
  if (kind === 'gif') return makeGif(SIZE, parts);
  if (kind === 'png') return makeApng(SIZE, parts, random.uniform() < 0.3 ? flat(12, 10, [1, 2, 3]) : undefined);
  const wholes: Picture[] = [];
  for (const one of parts) wholes.push(withPart(wholes.at(-1) ?? flat(12, 10, [0, 0, 0]), one));
  if (kind === 'tif')
    return makeTiff(wholes.map(page), { bigEndian: random.uniform() < 0.5, bigTiff: random.uniform() < 0.3 });
  const raw = { width: 12, height: 10 * parts.length, channels: 4, pageHeight: 10 } as const;
  const tall = Buffer.concat(wholes.map(({ rgba }) => rgba));
  return sharp(tall, { raw })
    .webp({ lossless: true, delay: parts.map(({ delay }) => delay!) })
    .toBuffer();
}

function page({ width, height, rgba }: Picture) {
  return { width, height, channels: 4, photometric: 2, samples: rgba };
}

// --- comparison ---

async function compare({ path: video, reds, times, state }: Known): Promise<string[]> {
  const faults: string[] = [];
  const frames = await framesOf(video, 'openVideo', faults);
  const warnings = frames.warnings.length;
  const readable = reds.filter((red) => red !== undefined).length;
  const missing = reds.length - frames.all.length;
  if (state === 'intact' && frames.all.length !== readable)
    faults.push(`${frames.all.length} frames, known are ${readable}`);
  // a header that is damaged may well say that there is less
  if (state !== 'damaged' && missing > 0 && frames.all.length > 0 && warnings === 0)
    faults.push(`${missing} frames are missing without a word`);
  if (state === 'damaged') return faults;
  for (const { index, time, data } of frames.all) {
    // TIFF files of sharp are compressed like JPEG
    if (!(Math.abs(data[0]! - (reds[index] ?? Number.NaN)) <= 2))
      faults.push(`frame ${index} shows ${data[0]}, known is ${reds[index]}`);
    if (time !== times[index]) faults.push(`frame ${index} is at ${time} s, known is ${times[index]}`);
  }
  if (!video.endsWith('*')) faults.push(...(await compareSeekable(video, frames.all)));
  return faults;
}

/** Both readers give the same. */
async function compareSeekable(video: string, all: readonly Frame[]): Promise<string[]> {
  if (all.length === 0) return [];
  const found = await openSeekable(video);
  const faults: string[] = [];
  for (const first of [0, Math.floor(all.length / 2), all.length - 1]) {
    const from = all[first]!.index;
    const [frame] = await take(found.frames(from), 1);
    const same = frame?.index === from && frame.time === all[first]!.time && frame.data[0] === all[first]!.data[0];
    if (!same) faults.push(`the page shows frame ${frame?.index} for ${from}`);
  }
  return faults;
}

async function framesOf(
  video: string,
  who: string,
  faults: string[],
): Promise<{ all: Frame[]; warnings: readonly string[] }> {
  try {
    const source = await openVideo(video);
    return { all: await take(source.frames(), Infinity), warnings: source.warnings };
  } catch (error) {
    if (!(error instanceof TrackerError)) faults.push(`${who}: ${String(error)}`);
    return { all: [], warnings: [] };
  }
}

async function take(frames: AsyncIterable<Frame>, count: number): Promise<Frame[]> {
  const taken: Frame[] = [];
  for await (const frame of frames) {
    taken.push(frame);
    if (taken.length >= count) break;
  }
  return taken;
}

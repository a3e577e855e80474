/** What is damaged, and what the program is asked to do with it. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { configSchema } from '../../src/config.js';
import { FORMATS, FORMAT_NAMES, formatTracks, type Media, type TrackRow } from '../../src/io/tracks.js';
import type { Random } from '../../src/random.js';
import { baseImage, baseVideo, H264, makeVideo, VIDEOS, type Folders } from './files.js';
import { links } from './links.js';
import { damageBytes, damageText, NUMBERS, pick } from './mutate.js';
import { pictures } from './pictures.js';
import { requests } from './requests.js';
import { streams } from './streams.js';
import { variants } from './variants.js';

/** A command line; or, for what has none (requests to a server), something to run that tells what it found wrong. */
export type FuzzCase =
  { readonly args: readonly string[] } | { readonly what: string; readonly run: () => Promise<readonly string[]> };

export interface FuzzKind {
  /** How often, beside the others. */
  readonly share: number;
  /** A case that computes for longer hangs; so does one that takes ten times as long by the clock. */
  readonly seconds: number;
  make(random: Random, folders: Folders): Promise<FuzzCase>;
}

export const KINDS: Readonly<Record<string, FuzzKind>> = {
  annotations: { share: 37, seconds: 30, make: annotations },
  variants: { share: 8, seconds: 30, make: variants },
  boxes: { share: 12, seconds: 30, make: boxes },
  configs: { share: 12, seconds: 60, make: configs },
  truth: { share: 6, seconds: 60, make: truth },
  weights: { share: 3, seconds: 90, make: weights },
  videos: { share: 9, seconds: 90, make: videos },
  tracked: { share: 3, seconds: 180, make: tracked },
  requests: { share: 10, seconds: 60, make: requests },
  links: { share: 6, seconds: 90, make: links },
  pictures: { share: 15, seconds: 60, make: pictures },
  streams: { share: 6, seconds: 90, make: streams },
};

const MEDIA: Media = { name: 'clip.mp4', width: 160, height: 120, fps: 25, frameCount: 30 };
const VIDEO_FLAGS = ['--size', '160x120', '--fps', '25'];

function someRows(random: Random, objects: number): TrackRow[] {
  return Array.from({ length: 1 + random.integer(20) }, (_, frame) => frame).flatMap((frame) =>
    Array.from({ length: objects }, (_, i) => ({
      id: i + 1,
      frame,
      time: frame / 25,
      box: { x: 20 + 50 * random.uniform(), y: 20 + 30 * random.uniform(), w: 10 + 20 * random.uniform(), h: 30 },
      confidence: random.uniform(),
      state: pick(random, ['tracking', 'uncertain', 'lost', 'found'] as const),
    })),
  );
}

/** A damaged file of any format, converted into another. */
async function annotations(random: Random, { input, output }: Folders): Promise<FuzzCase> {
  const [from, to] = [pick(random, FORMAT_NAMES), pick(random, FORMAT_NAMES)];
  const good = formatTracks(someRows(random, 1 + random.integer(2)), from, MEDIA);
  const name = random.uniform() < 0.1 ? 'boxes.json' : `boxes${FORMATS[from].endings[0]}`;
  const file = path.join(input, name);
  await writeFile(file, random.uniform() < 0.02 ? good : damageText(random, good));
  const said = random.uniform() < 0.1 ? ['--from', pick(random, FORMAT_NAMES)] : [];
  const flags = random.uniform() < 0.8 ? VIDEO_FLAGS : [];
  return { args: ['convert', file, path.join(output, `out${FORMATS[to].endings[0]}`), ...said, ...flags] };
}

/** A first box of strange numbers, in a picture of some size. */
async function boxes(random: Random, { base, output }: Folders): Promise<FuzzCase> {
  const number = (): string => pick(random, [...NUMBERS, '10', '20', '30', '159', '160', '161', '1e5', '-5']);
  const box = Array.from({ length: pick(random, [4, 4, 4, 4, 4, 3, 5, 1]) }, number).join(
    pick(random, [',', ',', ',', ' ', ';']),
  );
  const image = await baseImage(
    base,
    pick(random, [
      [160, 120],
      [1, 1],
      [3, 200],
      [2, 2],
    ] as const),
  );
  const more = random.uniform() < 0.2 ? ['--start', pick(random, [...NUMBERS, '1:2:3', '5s', '-1s'])] : [];
  return {
    args: [
      'track',
      image,
      `--box=${box}`,
      '--out',
      path.join(output, 'boxes.csv'),
      '--quiet',
      '--threads',
      '1',
      ...more,
    ],
  };
}

/** A configuration with strange values; two pictures are tracked with those that are let through. */
async function configs(random: Random, { base, input, output }: Folders): Promise<FuzzCase> {
  const defaults: unknown = configSchema.parse({ threads: 1 });
  const file = path.join(input, 'config.json');
  const text = JSON.stringify(defaults, undefined, 1);
  await writeFile(file, random.uniform() < 0.5 ? damageText(random, text) : strangeValue(random, text));
  const image = await baseImage(base, [160, 120]);
  const frames = path.join(input, 'frames');
  await mkdir(frames);
  for (const name of ['1.png', '2.png', '3.png']) await writeFile(path.join(frames, name), await readFile(image));
  return {
    args: [
      'track',
      frames,
      '--box',
      '40,30,32,32',
      '--config',
      file,
      '--out',
      path.join(output, 'boxes.csv'),
      '--quiet',
    ],
  };
}

/** Valid JSON, with one value that is a number of another size. */
function strangeValue(random: Random, text: string): string {
  const values = [...text.matchAll(/: (-?[\d.]+)/g)];
  const { index, 1: value = '' } = pick(random, values);
  const strange = pick(random, ['0', '1e-9', '1e9', '-1', '1', '2', '127', '10000', '0.999', '1e300', '1e-300']);
  return `${text.slice(0, index + 2)}${strange}${text.slice(index + 2 + value.length)}`;
}

/** Damaged results and annotations, scored under every protocol. */
async function truth(random: Random, { input, output }: Folders): Promise<FuzzCase> {
  const lines = (): string =>
    Array.from({ length: 12 }, (_, i) => `${10 + i},${20 + random.integer(5)},30,40`).join('\n');
  const text = (): string => (random.uniform() < 0.6 ? damageText(random, lines()) : lines());
  for (const name of ['results', 'truth', 'absent']) {
    await mkdir(path.join(input, name));
    const flags = Array.from({ length: 12 }, () => random.integer(2)).join('\n');
    await writeFile(path.join(input, name, 'seq.txt'), name === 'absent' ? damageText(random, flags) : text());
  }
  const absent = random.uniform() < 0.3 ? ['--absent', path.join(input, 'absent')] : [];
  const report = random.uniform() < 0.1 ? ['--report', path.join(output, 'report')] : [];
  const protocol = pick(random, ['all', 'lasot', 'got10k', 'otb', 'longterm', 'trackingnet']);
  const files = ['--results', path.join(input, 'results'), '--truth', path.join(input, 'truth')];
  return { args: ['evaluate', ...files, '--protocol', protocol, ...absent, ...report] };
}

const HEAD = new URL('../../models/head-default.safetensors', import.meta.url);

/** Damaged weights, with which two pictures are tracked where they can be. */
async function weights(random: Random, { base, input, output }: Folders): Promise<FuzzCase> {
  const good = new Uint8Array(await readFile(HEAD));
  const length = Number(new DataView(good.buffer).getBigUint64(0, true));
  const file = path.join(input, 'head.safetensors');
  const choice = random.uniform();
  if (choice < 0.5) {
    const header = damageText(random, new TextDecoder().decode(good.subarray(8, 8 + length)));
    const bytes = new TextEncoder().encode(header);
    const size = new Uint8Array(8);
    new DataView(size.buffer).setBigUint64(0, BigInt(bytes.length), true);
    await writeFile(file, [size, bytes, good.subarray(8 + length)]);
  } else if (choice < 0.75) {
    await writeFile(file, damageBytes(random, good));
  } else {
    // numbers that are none, in the weights themselves
    const view = new DataView(good.buffer, 8 + length);
    const strange = pick(random, [Number.NaN, Infinity, 1e38, -1e38]);
    for (let i = 0; i < 20; i++) view.setFloat32(4 * random.integer(Math.floor(view.byteLength / 4)), strange, true);
    await writeFile(file, good);
  }
  const frames = path.join(input, 'frames');
  await mkdir(frames);
  const image = await readFile(await baseImage(base, [160, 120]));
  for (const name of ['1.png', '2.png', '3.png']) await writeFile(path.join(frames, name), image);
  const flags = ['--head', file, '--threads', '1', '--quiet'];
  return { args: ['track', frames, '--box', '40,30,32,32', '--out', path.join(output, 'boxes.csv'), ...flags] };
}

// --- videos ---

async function damagedVideo(random: Random, { base, input }: Folders): Promise<string> {
  const name = pick(random, Object.keys(VIDEOS));
  let bytes: Uint8Array = await readFile(await baseVideo(base, name));
  // a picture that changes its size: two streams one behind the other
  if (name === 'plain.ts' && random.uniform() < 0.5) {
    const other = await baseVideo(base, 'plain.avi');
    const second = await makeVideo(path.join(base, 'second.ts'), ['-i', other, '-vf', 'scale=96:64', ...H264]);
    bytes = Buffer.concat([bytes, await readFile(second)]);
  }
  const choice = random.uniform();
  const file = path.join(input, random.uniform() < 0.1 ? `a b'"%d;[x]${path.extname(name)}` : name);
  if (choice < 0.04) bytes = new Uint8Array();
  else if (choice < 0.9) bytes = damageBytes(random, bytes);
  await writeFile(file, bytes);
  return file;
}

/** A damaged video, with boxes drawn into it. */
async function videos(random: Random, folders: Folders): Promise<FuzzCase> {
  const video = await damagedVideo(random, folders);
  const file = path.join(folders.input, 'boxes.csv');
  await writeFile(file, formatTracks(someRows(random, 1), 'csv', MEDIA));
  const output = path.join(folders.output, pick(random, ['drawn.mp4', 'drawn.mp4', 'boxes.xml', 'boxes.ls.json']));
  return { args: ['convert', file, output, '--video', video] };
}

/** A damaged video, tracked. */
async function tracked(random: Random, folders: Folders): Promise<FuzzCase> {
  const video = await damagedVideo(random, folders);
  const out = path.join(folders.output, `boxes${FORMATS[pick(random, FORMAT_NAMES)].endings[0]}`);
  const box = pick(random, ['40,30,32,32', '0,0,2,2', '0,0,160,120', '-5,-5,20,20', '150,110,100,100', '0,0,1,1']);
  const drawn = random.uniform() < 0.4 ? ['--video', path.join(folders.output, 'drawn.mp4')] : [];
  const start = random.uniform() < 0.2 ? ['--start', pick(random, ['1', '3', '0.1s', '100'])] : [];
  return { args: ['track', video, `--box=${box}`, '--out', out, '--threads', '1', '--quiet', ...drawn, ...start] };
}

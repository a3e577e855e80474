/** Annotations as tools and systems write them in many ways. Each says where an object is that is known: the very boxes must come out. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Writable } from 'node:stream';
import { runCli } from '../../src/cli/program.js';
import type { FrameBox } from '../../src/geometry.js';
import { formatTracks, readTracks, type FormatName, type Media, type TrackRow } from '../../src/io/tracks.js';
import type { Random } from '../../src/random.js';
import type { Folders } from './files.js';
import { pick } from './mutate.js';

const MEDIA: Media = { name: 'clip.mp4', width: 160, height: 120, fps: 25, frameCount: 40 };

/** Where the object is in a frame: it moves evenly. */
const boxAt = (frame: number): FrameBox => ({ x: 40.5 + 1.5 * frame, y: 60 - frame, w: 16, h: 10 });

const rowAt = (frame: number): TrackRow => ({
  id: 1,
  frame,
  time: frame / 25,
  box: boxAt(frame),
  confidence: 1,
  state: 'tracking',
});

interface Variant {
  readonly name: string;
  readonly text: string;
  /** Frames that must come out. */
  readonly frames: readonly number[];
}

const upTo = (first: number, last: number, step = 1): number[] =>
  Array.from({ length: Math.floor((last - first) / step) + 1 }, (_, i) => first + i * step);

/** A table with other separators, and commas for points. */
function table(random: Random): Variant {
  const format: FormatName = pick(random, ['csv', 'mot'] as const);
  const frames = upTo(random.integer(5), 20);
  const plain = formatTracks(frames.map(rowAt), format, MEDIA).trimEnd();
  const separator = pick(random, [',', ';', '\t', ', ']);
  const comma = separator === ',' || separator === ', ' ? '.' : pick(random, [',', '.']);
  const line = (text: string): string =>
    text
      .split(',')
      .map((cell) => (/^[-\d.]+$/.test(cell) ? cell.replace('.', comma) : cell))
      .join(separator);
  const lines = plain.split('\n').map((text) => line(text) + (separator === ';' && random.uniform() < 0.3 ? ';' : ''));
  const more = pick(random, ['', '', '\n', '  \n\n']);
  return { name: format === 'csv' ? 'boxes.csv' : 'gt.txt', text: `${lines.join('\n')}\n${more}`, frames };
}

/** Any format as this program writes it. */
function own(random: Random): Variant {
  const [format, name] = pick(random, [
    ['jsonl', 'a.jsonl'],
    ['ass', 'a.ass'],
    ['cvat', 'a.xml'],
    ['coco', 'a.coco.json'],
    ['labelstudio', 'a.ls.json'],
  ] as const);
  const frames = upTo(0, 30).filter(() => random.uniform() < 0.7);
  return { name, text: formatTracks([...frames, 31].map(rowAt), format, MEDIA), frames: [...frames, 31] };
}

/** Tracks of a few keyframes, their boxes turned by quarters, ended or standing until the task ends. */
function keyframes(random: Random): Variant {
  const [first, last, step] = [random.integer(5), 10 + random.integer(10), pick(random, [1, 1, 2, 5])];
  const keys = upTo(first, last).filter((frame) => frame === first || frame === last || random.uniform() < 0.3);
  const rotation = pick(random, [0, 0, 0, 90, 270, -90]);
  const shape = (frame: number, outside: 0 | 1): string => {
    const { x, y, w, h } = boxAt(frame);
    const [a, b] = rotation === 0 ? [w, h] : [h, w];
    const [left, top] = [x + (w - a) / 2, y + (h - b) / 2];
    const corners = `xtl="${left}" ytl="${top}" xbr="${left + a}" ybr="${top + b}"`;
    return `<box frame="${frame}" keyframe="1" outside="${outside}" occluded="0" ${corners}${rotation === 0 ? '' : ` rotation="${rotation}"`}/>`;
  };
  const filter = step === 1 ? '' : `<start_frame>${first}</start_frame><frame_filter>step=${step}</frame_filter>`;
  const meta = `<meta><task><id>1</id><size>40</size>${filter}</task></meta>`;
  const boxes = keys.map((frame) => shape(frame, frame === last ? 1 : 0)).join('\n');
  const given = new Set(keys.slice(0, -1));
  const frames = upTo(first, last - 1).filter((frame) => given.has(frame) || (frame - first) % step === 0);
  const text = `<?xml version="1.0"?>\n<annotations>${meta}<track id="4" label="a">\n${boxes}\n</track></annotations>\n`;
  return { name: 'a.xml', text, frames };
}

/** Images whose names alone tell the frame. */
function names(random: Random): Variant {
  const [step, from] = [pick(random, [1, 2, 5]), pick(random, [0, 2, 10])];
  const frames = upTo(from, 30, step);
  const name = pick(random, [
    (frame: number) => `frame_${String(frame).padStart(6, '0')}.PNG`,
    (frame: number) => `sub\\shot-${frame}.jpg`,
    (frame: number) => `clip-${frame}_jpg.rf.${random.integer(1e6).toString(36)}.jpg`,
  ]);
  const images = frames.map((frame, i) => ({ id: 100 - i, file_name: name(frame) }));
  const annotations = frames.map((frame, i) => {
    const { x, y, w, h } = boxAt(frame);
    const turned = { bbox: [x + (w - h) / 2, y + (h - w) / 2, h, w], attributes: { rotation: 90 } };
    return { image_id: 100 - i, ...(random.uniform() < 0.5 ? turned : { bbox: [x, y, w, h] }) };
  });
  return { name: 'a.json', text: JSON.stringify({ images, annotations }), frames };
}

/** Label Studio at a rate of its own; keyframes where both rates have a frame. */
function rates(random: Random): Variant {
  const [rate, step] = pick(random, [
    [25, 1],
    [50, 1],
    [5, 5],
    [12.5, 2],
  ] as const);
  const [first, last] = [step * random.integer(3), 20];
  const key = (frame: number, enabled: boolean): object => {
    const { x, y, w, h } = boxAt(frame);
    const number = (frame / 25) * rate + 1;
    const percent = { x: x / 1.6, y: y / 1.2, width: w / 1.6, height: h / 1.2 };
    return { frame: number, time: number / rate, ...percent, rotation: 0, enabled };
  };
  const end = last - (last % step);
  const sequence = [key(first, true), key(end, false)];
  const value = { framesCount: Math.ceil(1.6 * rate), duration: 1.6, sequence };
  const cancelled = { id: 1, was_cancelled: true, result: [] };
  const annotation = { id: 2, result: [{ type: 'videorectangle', value }] };
  const annotations = random.uniform() < 0.3 ? [cancelled, annotation] : [annotation];
  return { name: 'a.ls.json', text: JSON.stringify([{ id: 1, annotations }]), frames: upTo(first, end) };
}

/** The same text in another encoding, with other line ends. */
function encoded(random: Random, text: string): Uint8Array {
  const ended = text.replaceAll('\n', pick(random, ['\n', '\r\n', '\r']));
  const wide = Buffer.from(`\uFEFF${ended}`, 'utf16le');
  return pick(random, [Buffer.from(ended), Buffer.from(`\uFEFF${ended}`), wide, Buffer.from(wide).swap16()]);
}

/** One variant, converted, and what came out compared with what is known. */
export async function variants(random: Random, { input, output }: Folders) {
  const { name, text, frames } = pick(random, [table, own, keyframes, names, rates])(random);
  const file = path.join(input, name);
  await writeFile(file, encoded(random, text));
  const out = path.join(output, 'out.csv');
  return { what: `convert ${file}`, run: () => compare(file, out, frames) };
}

async function compare(file: string, out: string, frames: readonly number[]): Promise<string[]> {
  let words = '';
  const sink = new Writable({
    write(chunk: Buffer, _, done) {
      words += chunk.toString();
      done();
    },
  });
  const flags = ['--size', '160x120', '--fps', '25'];
  const exitCode = await runCli(['convert', file, out, ...flags], { stdout: sink, stderr: sink });
  if (exitCode !== 0) return [`exit code ${exitCode}: ${words}`];
  const rows = (await readTracks(out)).filter(({ state }) => state !== 'lost');
  const found = rows.map(({ frame }) => frame).join();
  if (found !== frames.join()) return [`frames ${found}, expected ${frames.join()}`];
  const off = rows.find(({ frame, box }) => {
    const truth = boxAt(frame);
    return (['x', 'y', 'w', 'h'] as const).some((key) => !(Math.abs(box[key] - truth[key]) < 0.01));
  });
  return off ? [`frame ${off.frame}: ${JSON.stringify(off.box)}, expected ${JSON.stringify(boxAt(off.frame))}`] : [];
}

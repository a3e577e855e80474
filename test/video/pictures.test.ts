import { execFileSync } from 'node:child_process';
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import type { Frame } from '../../src/image/frame.js';
import { openVideo } from '../../src/video/read.js';
import { openSeekable } from '../../src/video/seek.js';
import {
  flat,
  makeApng,
  makeGif,
  makeTiff,
  overBlack,
  withPart,
  type GifPart,
  type Picture,
} from '../helpers/pictures.js';
import { collect, cutFile, runFfmpeg, temporaryFolder } from '../helpers/video.js';

/** A picture of 8 x 6 pixels whose red is its number times ten. */
async function makeImage(file: string, number: number): Promise<void> {
  const background = { r: 10 * number, g: 0, b: 0 };
  const image = sharp({ create: { width: 8, height: 6, channels: 3, background } });
  await (/\.jpe?g$/i.test(file) ? image.jpeg({ quality: 100 }) : image.png()).toFile(file);
}

const numbersIn = (frames: readonly Frame[]): number[] => frames.map(({ data }) => Math.round(data[0]! / 10));

/** Numbers of the pictures, by the number of their frame; of both readers, which must agree. */
async function framesOf(path: string): Promise<Record<number, number>> {
  const frames = await collect(await openVideo(path));
  return Object.fromEntries(frames.map((frame) => [frame.index, numbersIn([frame])[0]!]));
}

describe('the frames of a folder', () => {
  /** 1.png, 2.png and 10.png among what systems and people leave in folders. */
  const litteredFolder = async (): Promise<string> => {
    const folder = await temporaryFolder();
    for (const [name, number] of [
      ['1.png', 1],
      ['2.PNG', 2],
      ['10.png', 3],
    ] as const)
      await makeImage(join(folder, name), number);
    for (const name of ['._1.png', '.0.png', '.DS_Store', 'Thumbs.db', 'desktop.ini', '0.txt', '5.png.bak', 'Icon\r'])
      await writeFile(join(folder, name), 'no image');
    await mkdir(join(folder, '3.png'));
    await mkdir(join(folder, '@eaDir'));
    await symlink(join(folder, '3.png'), join(folder, '4.png'));
    return folder;
  };

  it.each(['', '*', '*.*', '*.{png,PNG}'])(
    'are images alone, whatever lies beside them: folder/%s',
    async (pattern) => {
      const path = join(await litteredFolder(), pattern);
      expect(await framesOf(path)).toEqual({ 0: 1, 1: 2, 2: 3 });
      expect((await openVideo(path)).warnings).toEqual([]);
    },
  );

  it.each([
    ['', /^passed over, as pictures of kinds that are not read: 0\.bmp, 5\.HEIC, a\.heif and 1 more; /],
    ['*', /0\.bmp, 5\.HEIC, a\.heif and 1 more/],
    ['[0-9]*', /: 0\.bmp, 5\.HEIC; /],
  ])('are told once which pictures beside them are of kinds that are not read: folder/%s', async (pattern, words) => {
    const folder = await litteredFolder();
    for (const name of ['0.bmp', '5.HEIC', 'a.heif', 'b.jxl', '._6.bmp']) await writeFile(join(folder, name), 'BM');
    const path = join(folder, pattern);
    const source = await openVideo(path);
    await collect(source);
    expect(source.warnings).toEqual([expect.stringMatching(words)]);
    expect(await framesOf(path)).toEqual({ 0: 1, 1: 2, 2: 3 });
    if (pattern === '') expect((await openSeekable(path)).notes).toEqual(source.warnings);
    expect((await openVideo(join(folder, '*.png'))).warnings).toEqual([]);
  });

  it('are those of a printf pattern too', async () => {
    const folder = await litteredFolder();
    expect(await framesOf(join(folder, '%d.png'))).toEqual({ 0: 1, 1: 3 });
    expect(await framesOf(join(folder, '%02d.png'))).toEqual({ 0: 3 });
  });

  it('have the same numbers for the page', async () => {
    const video = await openSeekable(await litteredFolder());
    const frames: Frame[] = [];
    for await (const frame of video.frames(1)) frames.push(frame);
    expect(video.frameCount()).toBe(3);
    expect(frames.map(({ index }) => index)).toEqual([1, 2]);
    expect(numbersIn(frames)).toEqual([2, 3]);
  });

  it('are hidden files only where the pattern begins with a dot', async () => {
    const folder = await temporaryFolder();
    await makeImage(join(folder, '.1.png'), 1);
    await makeImage(join(folder, '2.png'), 2);
    expect(await framesOf(join(folder, '*.png'))).toEqual({ 0: 2 });
    expect(await framesOf(join(folder, '.*.png'))).toEqual({ 0: 1 });
  });

  it('may be links, and in a folder that is a link', async () => {
    const folder = await temporaryFolder();
    await mkdir(join(folder, 'a'));
    await mkdir(join(folder, 'b'));
    for (const number of [1, 2]) await makeImage(join(folder, 'a', `${number}.jpg`), number);
    await symlink('../a/2.jpg', join(folder, 'b', '1.jpg'));
    await symlink('../a/1.jpg', join(folder, 'b', '2.jpg'));
    await symlink('b', join(folder, 'c'));
    expect(await framesOf(join(folder, 'b'))).toEqual({ 0: 2, 1: 1 });
    expect(await framesOf(join(folder, 'c'))).toEqual({ 0: 2, 1: 1 });
  });

  it.each([
    ['a damaged image', (file: string) => cutFile(file, 0.5), /2\.png/],
    ['an empty file', (file: string) => writeFile(file, ''), /2\.png: it is empty/],
    ['text', (file: string) => writeFile(file, 'no image'), /2\.png/],
  ])('keep their numbers around %s, which is named', async (_, damage, said) => {
    const folder = await temporaryFolder();
    for (const number of [1, 2, 3]) await makeImage(join(folder, `${number}.png`), number);
    await damage(join(folder, '2.png'));
    const source = await openVideo(folder);
    const frames = await collect(source);
    expect(frames.map(({ index, time }) => [index, time])).toEqual([
      [0, 0],
      [2, 0.08],
    ]);
    expect(numbersIn(frames)).toEqual([1, 3]);
    expect(source.warnings).toEqual([expect.stringMatching(/^frame 1 left out/)]);
    expect(source.warnings[0]).toMatch(said);
  });

  it('keep their numbers around links that lead nowhere or to themselves', async () => {
    const folder = await temporaryFolder();
    for (const number of [1, 4]) await makeImage(join(folder, `${number}.png`), number);
    await symlink('elsewhere/2.png', join(folder, '2.png'));
    await symlink('3.png', join(folder, '3.png'));
    const source = await openVideo(folder);
    expect((await collect(source)).map(({ index }) => index)).toEqual([0, 3]);
    expect(source.warnings).toHaveLength(2);
    expect(source.warnings[0]).toMatch(/frame 1 left out: .*2\.png: it is a link to elsewhere\/2\.png/);
    expect(source.warnings[1]).toMatch(/frame 2 left out: .*3\.png/);
  });

  it.skipIf(process.platform === 'win32')('are no pipes: nobody writes into them', async () => {
    const folder = await temporaryFolder();
    await makeImage(join(folder, '2.png'), 2);
    execFileSync('mkfifo', [join(folder, '1.png')]);
    expect(await framesOf(folder)).toEqual({ 0: 2 });
    expect(await framesOf(join(folder, '*'))).toEqual({ 0: 2 });
  });

  it('may have no ending, where no file has one of an image', async () => {
    const folder = await temporaryFolder();
    for (const number of [1, 2]) await makeImage(join(folder, `f${number}`), number);
    await writeFile(join(folder, 'notes'), 'no image');
    expect(await framesOf(folder)).toEqual({ 0: 1, 1: 2 });
    expect(await framesOf(join(folder, 'f*'))).toEqual({ 0: 1, 1: 2 });
    await makeImage(join(folder, '1.png'), 3);
    expect(await framesOf(folder)).toEqual({ 0: 3 });
  });

  it('come in one order, whatever the disk says', async () => {
    const folder = await temporaryFolder();
    for (const [i, name] of ['1.png', 'a2.png', '01.png', 'a10.png', '001.png'].entries())
      await makeImage(join(folder, name), i + 1);
    expect(await framesOf(folder)).toEqual({ 0: 5, 1: 3, 2: 1, 3: 2, 4: 4 });
  });

  it('are doubted where names differ in their endings only', async () => {
    const folder = await temporaryFolder();
    for (const name of ['1.jpg', '1.png', '2.jpg', '2.png', '3.jpg']) await makeImage(join(folder, name), 1);
    const { warnings } = await openVideo(folder);
    expect(warnings).toEqual([
      expect.stringMatching(/1\.jpg and 1\.png \(and 1 more such pairs\) count as two frames/),
    ]);
    expect((await openVideo(join(folder, '*.jpg'))).warnings).toEqual([]);
  });
});

// --- files that hold several pictures ---

const SIZE = { width: 12, height: 10 };
const RED = flat(12, 10, [200, 0, 0]);
const BLUE_PART = flat(5, 4, [0, 0, 250]);
const GREEN_PART = flat(3, 3, [0, 180, 0]);
const HOLE = flat(2, 2, [0, 0, 0, 0]);

interface Known {
  readonly bytes: Buffer;
  readonly pictures: readonly Picture[];
  readonly times: readonly number[];
}

/** What a file shows, frame by frame, against what it is known to show. */
async function expectFrames(name: string, { bytes, pictures, times }: Known): Promise<void> {
  const file = join(await temporaryFolder(), name);
  await writeFile(file, bytes);
  const source = await openVideo(file);
  const frames = await collect(source);
  expect(source).toMatchObject({ width: pictures[0]!.width, frameCount: pictures.length, warnings: [] });
  expect(frames.map(({ index }) => index)).toEqual([...pictures.keys()]);
  expect(frames.map(({ time }) => Number(time.toFixed(6)))).toEqual(times);
  for (const [i, frame] of frames.entries()) expect([...frame.data]).toEqual(overBlack(pictures[i]!));

  const video = await openSeekable(file);
  await video.counted;
  expect([video.frameCount(), video.fps]).toEqual([pictures.length, source.fps]);
  for (const first of [pictures.length - 1, 0, 1]) {
    for await (const frame of video.frames(first)) {
      expect([frame.index, frame.time]).toEqual([first, frames[first]!.time]);
      expect([...frame.data]).toEqual(overBlack(pictures[first]!));
      break;
    }
  }
}

describe('an animated GIF', () => {
  const transparentPart: GifPart = { ...withPart(BLUE_PART, { ...HOLE, x: 1, y: 1 }), x: 2, y: 3 };
  /** Blue with a hole in it: what is below shows through. */
  const onRed = withPart(withPart(RED, { ...BLUE_PART, x: 2, y: 3 }), { ...flat(2, 2, [200, 0, 0]), x: 3, y: 4 });

  it('is composed of its parts, which stay', () =>
    expectFrames('a.gif', {
      bytes: makeGif(SIZE, [RED, transparentPart, { ...GREEN_PART, x: 6, y: 6 }]),
      pictures: [RED, onRed, withPart(onRed, { ...GREEN_PART, x: 6, y: 6 })],
      times: [0, 0.04, 0.08],
    }));

  it('goes back to the background, which is transparent: black', () =>
    expectFrames('a.GIF', {
      bytes: makeGif(SIZE, [
        RED,
        { ...transparentPart, dispose: 2 },
        { ...GREEN_PART, x: 6, y: 6, dispose: 2 },
        { ...GREEN_PART, x: 0, y: 0 },
      ]),
      pictures: (() => {
        const hole = withPart(onRed, { ...flat(5, 4, [0, 0, 0]), x: 2, y: 3 });
        const both = withPart(hole, { ...flat(3, 3, [0, 0, 0]), x: 6, y: 6 });
        return [RED, onRed, withPart(hole, { ...GREEN_PART, x: 6, y: 6 }), withPart(both, GREEN_PART)];
      })(),
      times: [0, 0.04, 0.08, 0.12],
    }));

  it('goes back to what was before', () =>
    expectFrames('a.gif', {
      bytes: makeGif(SIZE, [RED, { ...transparentPart, dispose: 3 }, { ...GREEN_PART, x: 6, y: 6 }]),
      pictures: [RED, onRed, withPart(RED, { ...GREEN_PART, x: 6, y: 6 })],
      times: [0, 0.04, 0.08],
    }));

  it('may begin with a part, and end outside', () =>
    expectFrames('a.gif', {
      bytes: makeGif(SIZE, [
        { ...BLUE_PART, x: 2, y: 3 },
        { ...BLUE_PART, x: 10, y: 8 },
      ]),
      pictures: (() => {
        const first = withPart(flat(12, 10, [0, 0, 0]), { ...BLUE_PART, x: 2, y: 3 });
        return [first, withPart(first, { ...flat(2, 2, [0, 0, 250]), x: 10, y: 8 })];
      })(),
      times: [0, 0.04],
    }));

  it('has the times of its delays; none, or 10 ms, is shown for 100 ms as everywhere', async () => {
    const delays = [40, 80, 0, 10, 20, 500];
    const known = {
      bytes: makeGif(
        SIZE,
        delays.map((delay) => ({ ...RED, delay })),
      ),
      pictures: delays.map(() => RED),
      times: [0, 0.04, 0.12, 0.22, 0.32, 0.34],
    };
    await expectFrames('a.gif', known);
    const file = join(await temporaryFolder(), 'a.gif');
    await writeFile(file, known.bytes);
    expect((await openVideo(file)).fps).toBeCloseTo(6 / 0.84, 9);
    const source = await openVideo(file, { start: { time: 0.2 } });
    expect((await collect(source)).map(({ index }) => index)).toEqual([3, 4, 5]);
    await expect(openVideo(file, { start: { time: 0.4 } })).rejects.toMatchObject({ code: 'START_OUT_OF_RANGE' });
  });

  it('of one picture is an image', async () => {
    const file = join(await temporaryFolder(), 'a.gif');
    await writeFile(file, makeGif(SIZE, [{ ...RED, delay: 500 }]));
    expect(await openVideo(file)).toMatchObject({ frameCount: 1, fps: 25 });
  });

  it('that is cut off shows the pictures that are whole, and says so', async () => {
    const file = join(await temporaryFolder(), 'a.gif');
    await writeFile(file, makeGif(SIZE, [RED, RED, RED, RED]));
    await cutFile(file, 0.9);
    const source = await openVideo(file);
    expect((await collect(source)).map(({ index }) => index)).toEqual([0, 1, 2]);
    expect(source.warnings).toEqual([expect.stringContaining('cut off after 3 pictures')]);
  });

  it('of many pictures is read in runs, from anywhere', async () => {
    const file = join(await temporaryFolder(), 'a.gif');
    const shade = (i: number): GifPart => ({ ...flat(1, 1, [2 * i + 1, 0, 0]), x: i % 12, y: Math.floor(i / 12) });
    const parts = Array.from({ length: 100 }, (_, i) => shade(i));
    await writeFile(file, makeGif(SIZE, parts));
    const frames = await collect(await openVideo(file));
    expect(frames.map(({ data, index }) => data[3 * index])).toEqual(parts.map((_, i) => 2 * i + 1));
    expect(frames[99]!.data[0]).toBe(1);
    const video = await openSeekable(file);
    for await (const frame of video.frames(70)) expect(frame.data).toEqual(frames[frame.index]!.data);
  });
});

describe('an animated PNG', () => {
  const soft = flat(5, 4, [0, 0, 200, 102]);
  /** Two fifths of blue over three of red. */
  const mixed = withPart(RED, { ...flat(5, 4, [120, 0, 80]), x: 2, y: 3 });

  it.each(['a.png', 'a.apng'])('is put over what is there, or in its place: %s', (name) =>
    expectFrames(name, {
      bytes: makeApng(SIZE, [
        RED,
        { ...soft, x: 2, y: 3, blend: 1 },
        { ...soft, x: 2, y: 3, blend: 0, delay: 100 },
        RED,
      ]),
      pictures: [RED, mixed, withPart(RED, { ...soft, x: 2, y: 3 }), RED],
      times: [0, 0.04, 0.08, 0.18],
    }),
  );

  it('clears its part, or goes back to what was before', () =>
    expectFrames('a.png', {
      bytes: makeApng(SIZE, [
        { ...RED, dispose: 2 }, // there is nothing before it: cleared
        { ...GREEN_PART, x: 1, y: 1 },
        { ...soft, x: 2, y: 3, blend: 1, dispose: 2 },
        { ...GREEN_PART, x: 5, y: 5, dispose: 1 },
        { ...GREEN_PART, x: 8, y: 1 },
      ]),
      pictures: (() => {
        const one = withPart(flat(12, 10, [0, 0, 0, 0]), { ...GREEN_PART, x: 1, y: 1 });
        const two = withPart(withPart(one, { ...soft, x: 2, y: 3 }), { ...flat(2, 1, [0, 108, 80]), x: 2, y: 3 });
        return [
          RED,
          one,
          two,
          withPart(one, { ...GREEN_PART, x: 5, y: 5 }),
          withPart(one, { ...GREEN_PART, x: 8, y: 1 }),
        ];
      })(),
      times: [0, 0.04, 0.08, 0.12, 0.16],
    }));

  it('does not show the picture for programs that know no animations', () =>
    expectFrames('a.png', {
      bytes: makeApng(SIZE, [RED, { ...GREEN_PART, x: 1, y: 1 }], flat(12, 10, [9, 9, 9])),
      pictures: [RED, withPart(RED, { ...GREEN_PART, x: 1, y: 1 })],
      times: [0, 0.04],
    }));

  it('has the pictures that an encoder gave it', async () => {
    const file = join(await temporaryFolder(), 'a.png');
    const input = 'testsrc2=s=64x48:r=20:d=0.5';
    await runFfmpeg(['-f', 'lavfi', '-i', input, '-f', 'apng', '-pix_fmt', 'rgb24', file]);
    const whole = join(await temporaryFolder(), 'a.mkv');
    await runFfmpeg(['-f', 'lavfi', '-i', input, '-c:v', 'ffv1', '-pix_fmt', 'gbrp', whole]);
    const [frames, known] = [await collect(await openVideo(file)), await collect(await openVideo(whole))];
    expect(frames.map(({ time }) => time)).toEqual(Array.from({ length: 10 }, (_, i) => i / 20));
    for (const [i, frame] of frames.entries()) expect(frame.data).toEqual(known[i]!.data);
  });

  it('that is damaged or cut off keeps the numbers of the pictures that are whole', async () => {
    const file = join(await temporaryFolder(), 'a.png');
    const bytes = makeApng(SIZE, [RED, { ...GREEN_PART, x: 1 }, { ...GREEN_PART, x: 3 }, BLUE_PART, RED, RED]);
    const damaged = bytes.indexOf('fdAT') + 14;
    await writeFile(file, bytes.with(damaged, bytes[damaged]! ^ 255).subarray(0, -30));
    const source = await openVideo(file);
    expect((await collect(source)).map(({ index }) => index)).toEqual([0, 4]);
    expect(source.warnings.map((text) => /frame (\d) left out/.exec(text)?.[1])).toEqual(['1', '2', '3', '5']);
    expect(source.warnings[0]).toMatch(/fdAT chunk is damaged/);
  });
});

describe('an animated WebP', () => {
  it('has the pictures and times that an encoder gave it', async () => {
    const file = join(await temporaryFolder(), 'a.webp');
    const tall = Buffer.concat([RED, mixedOf(1), mixedOf(2), RED].map(({ rgba }) => rgba));
    const raw = { width: 12, height: 40, channels: 4, pageHeight: 10 } as const;
    await sharp(tall, { raw })
      .webp({ lossless: true, exact: true, delay: [40, 120, 33, 40] })
      .toFile(file);
    await expectFrames('b.webp', {
      bytes: await readFile(file),
      pictures: [RED, mixedOf(1), mixedOf(2), RED],
      times: [0, 0.04, 0.16, 0.193],
    });
  });
  const mixedOf = (i: number): Picture =>
    withPart(RED, { ...flat(4, 4, [0, 250, 9, i === 1 ? 255 : 0]), x: 2 * i, y: i });
});

describe('a stack of TIFF pictures', () => {
  const grey = (value: number, samples: 'Uint8Array' | 'Uint16Array' = 'Uint8Array') => ({
    width: 4,
    height: 3,
    channels: 1,
    samples: (samples === 'Uint8Array' ? new Uint8Array(12) : new Uint16Array(12)).fill(value),
  });
  const colours = (...pixel: number[]) => ({
    width: 4,
    height: 3,
    channels: pixel.length,
    samples: Uint8Array.from({ length: 12 * pixel.length }, (_, i) => pixel[i % pixel.length]!),
  });
  const stack = async (...given: Parameters<typeof makeTiff>): Promise<string> => {
    const file = join(await temporaryFolder(), 'stack.tif');
    await writeFile(file, makeTiff(...given));
    return file;
  };
  /** The first pixel of each frame. */
  const pixelsOf = async (file: string): Promise<number[][]> =>
    (await collect(await openVideo(file))).map(({ data }) => [...data.subarray(0, 3)]);

  it.each([
    ['little endian', {}],
    ['big endian', { bigEndian: true }],
    ['BigTIFF', { bigTiff: true }],
  ])('is a frame a page, 25 a second: %s', async (_, options) => {
    const shades = Array.from({ length: 9 }, (__, i) => 20 * i + 1);
    const file = await stack(
      shades.map((shade) => grey(shade)),
      options,
    );
    const source = await openVideo(file);
    const frames = await collect(source);
    expect(source).toMatchObject({ width: 4, height: 3, fps: 25, frameCount: 9, warnings: [] });
    expect(frames.map(({ index, time, data }) => [index, time, data[0]])).toEqual(shades.map((s, i) => [i, i / 25, s]));
    const video = await openSeekable(file);
    for await (const { index, data } of video.frames(4)) expect(data[0]).toBe(shades[index]);
  });

  it('of 16 bit is scaled to 8', async () => {
    const file = await stack([0, 257, 0x8080, 65535].map((value) => grey(value, 'Uint16Array')));
    expect(await pixelsOf(file)).toEqual([0, 1, 128, 255].map((value) => [value, value, value]));
  });

  it('of grey that counts from white is turned', async () => {
    const file = await stack([30, 200].map((value) => ({ ...grey(value), photometric: 0 })));
    expect(await pixelsOf(file)).toEqual([225, 55].map((value) => [value, value, value]));
  });

  it('of colours with and without transparency, which is black, keeps them', async () => {
    const rgb = await stack([colours(250, 10, 20), colours(3, 4, 5)].map((page) => ({ ...page, photometric: 2 })));
    expect(await pixelsOf(rgb)).toEqual([
      [250, 10, 20],
      [3, 4, 5],
    ]);
    const rgba = await stack(
      [colours(250, 10, 20, 255), colours(250, 10, 20, 0)].map((page) => ({ ...page, photometric: 2 })),
    );
    expect(await pixelsOf(rgba)).toEqual([
      [250, 10, 20],
      [0, 0, 0],
    ]);
  });

  it('of CMYK has the colours that are printed', async () => {
    const file = await stack(
      [colours(0, 255, 255, 0), colours(255, 0, 255, 0), colours(0, 0, 0, 255)].map((page) => ({
        ...page,
        photometric: 5,
      })),
    );
    const [red, green, black] = await pixelsOf(file);
    expect([red![0]! > 200, red![1]! < 60, red![2]! < 60]).toEqual([true, true, true]);
    expect([green![0]! < 60, green![1]! > 120, green![2]! < 110]).toEqual([true, true, true]);
    expect(Math.max(...black!)).toBeLessThan(60);
  });

  it('leaves out smaller copies and masks', async () => {
    const small = { ...grey(99), width: 2, height: 2, samples: new Uint8Array(4), subfile: 1 };
    const pages = [grey(1), small, grey(2), { ...grey(0), subfile: 4 }, grey(3), small];
    expect((await pixelsOf(await stack(pages))).map(([value]) => value)).toEqual([1, 2, 3]);
  });

  it('scales pages of another size to that of the first, says so, and turns pages upright', async () => {
    const other = { ...grey(7), width: 2, height: 5, samples: new Uint8Array(10).fill(7) };
    const source = await openVideo(await stack([grey(1), other, grey(3), grey(4), other]));
    const frames = await collect(source);
    expect(frames.map(({ width, height, data }) => [width, height, data[0]])).toEqual([
      [4, 3, 1],
      [4, 3, 7],
      [4, 3, 3],
      [4, 3, 4],
      [4, 3, 7],
    ]);
    expect(source.warnings.join('\n')).toMatch(/frame 1 .* has 2 x 5 pixels.*4 x 3/);
    const turned = [1, 2, 3].map((value) => ({ ...grey(value), orientation: 6 }));
    const upright = await collect(await openVideo(await stack(turned)));
    expect(upright.map(({ width, height, data }) => [width, height, data[0]])).toEqual([
      [3, 4, 1],
      [3, 4, 2],
      [3, 4, 3],
    ]);
  });

  it('that is cut off shows the pages that are whole, and says so', async () => {
    const file = await stack([1, 2, 3, 4].map((value) => grey(value)));
    await cutFile(file, 0.6);
    const source = await openVideo(file);
    expect((await collect(source)).map(({ data }) => data[0])).toEqual([1, 2]);
    expect(source.warnings).toEqual([expect.stringContaining('cut off')]);
  });

  it('whose directories lead back ends', async () => {
    const file = await stack([grey(1), grey(2)]);
    const bytes = await readFile(file);
    // the last four bytes of the last directory say where the next one is
    const last = bytes.lastIndexOf(Buffer.from([83, 1, 3, 0, 1, 0, 0, 0])) + 12;
    bytes.writeUInt32LE(8, last);
    await writeFile(file, bytes);
    const source = await openVideo(file);
    expect((await collect(source)).map(({ data }) => data[0])).toEqual([1, 2]);
    expect(source.warnings).toHaveLength(1);
  });

  it('that ImageJ cut short says how many pictures are missing', async () => {
    const file = await stack([{ ...grey(1), description: 'ImageJ=1.54f\nimages=120\nframes=120\n' }]);
    expect((await openVideo(file)).warnings).toEqual([expect.stringMatching(/of 120 pictures/)]);
  });

  it('of numbers that nobody has agreed on is refused', async () => {
    const file = await stack([{ ...grey(0), samples: new Float32Array(12).fill(0.5) }]);
    await expect(openVideo(file)).rejects.toMatchObject({
      code: 'VIDEO_UNREADABLE',
      message: expect.stringContaining('floating-point'),
    });
    const wide = await stack([1, 2].map((i) => ({ ...grey(0), samples: new Float32Array(12).fill(100 * i) })));
    expect((await pixelsOf(wide)).map(([value]) => value)).toEqual([100, 200]);
  });
});

describe('an AVIF sequence', () => {
  it('is a video, where this ffmpeg can write one', async ({ skip }) => {
    const file = join(await temporaryFolder(), 'a.avif');
    const input = ['-f', 'lavfi', '-i', 'testsrc2=s=64x48:r=10:d=0.5', '-c:v', 'libaom-av1', '-cpu-used', '8'];
    await runFfmpeg([...input, '-f', 'mp4', '-brand', 'avis', file]).catch(() => skip());
    const source = await openVideo(file);
    const frames = await collect(source);
    expect(frames.map(({ time }) => Number(time.toFixed(3)))).toEqual([0, 0.1, 0.2, 0.3, 0.4]);
    expect((await openSeekable(file)).width).toBe(64);
  });
});

describe('files with several pictures', () => {
  it('in a folder are frames one after the other, with a word where others hold one', async () => {
    const folder = await temporaryFolder();
    const page = (value: number) => ({
      width: 8,
      height: 6,
      channels: 1,
      samples: new Uint8Array(48).fill(10 * value),
    });
    await writeFile(join(folder, 'a1.tif'), makeTiff([1, 2, 3].map(page)));
    await writeFile(join(folder, 'a2.tif'), makeTiff([4, 5].map(page)));
    expect(await framesOf(folder)).toEqual({ 0: 1, 1: 2, 2: 3, 3: 4, 4: 5 });
    expect((await openVideo(folder)).warnings).toEqual([]);
    await makeImage(join(folder, 'a3.png'), 6);
    const source = await openVideo(join(folder, 'a*'));
    expect(source.frameCount).toBe(6);
    expect((await collect(source)).at(-1)).toMatchObject({ index: 5, time: 0.2 });
    expect(source.warnings).toEqual([
      expect.stringMatching(/a1\.tif holds 3 pictures, which are the frames 0 to 2/),
      expect.stringMatching(/a2\.tif holds 2 pictures, which are the frames 3 to 4/),
    ]);
  });

  it('that are called otherwise are still told by what they hold', async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'gif'), makeGif(SIZE, [RED, RED]));
    await writeFile(join(folder, 'a.jpg'), makeGif(SIZE, [RED, RED, RED]));
    expect((await openVideo(join(folder, 'gif'))).frameCount).toBe(2);
    expect((await openVideo(join(folder, 'a.jpg'))).frameCount).toBe(3);
    await runFfmpeg(['-f', 'lavfi', '-i', 'testsrc2=s=64x48:r=25:d=0.2', '-f', 'mp4', join(folder, 'b.gif')]);
    expect(await collect(await openVideo(join(folder, 'b.gif')))).toHaveLength(5);
  });
});

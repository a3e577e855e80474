import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { findBinaries } from '../../src/video/binaries.js';
import { openVideo } from '../../src/video/read.js';
import {
  childProcesses,
  collect,
  cutFile,
  makeNumberedVideo,
  numberOf,
  runFfmpeg,
  setRotation,
  temporaryFolder,
} from '../helpers/video.js';

const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

async function numberedVideo(
  name = 'video.mp4',
  options: Parameters<typeof makeNumberedVideo>[1] = {},
): Promise<string> {
  const path = join(await temporaryFolder(), name);
  await makeNumberedVideo(path, options);
  return path;
}

/** 500 frames. */
const longVideo = async (): Promise<string> => {
  const path = join(await temporaryFolder(), 'long.mp4');
  await runFfmpeg([
    '-f',
    'lavfi',
    '-i',
    'testsrc=s=640x480:r=25:d=20',
    '-c:v',
    'libx264',
    '-preset',
    'ultrafast',
    path,
  ]);
  return path;
};

/** Images 1.png, 2.png ... whose red is ten times their number. */
async function imageFolder(names: readonly string[]): Promise<string> {
  const folder = await temporaryFolder();
  for (const [i, name] of names.entries()) {
    const background = { r: 10 * (i + 1), g: 0, b: 0 };
    await sharp({ create: { width: 20, height: 10, channels: 3, background } })
      .png()
      .toFile(join(folder, name));
  }
  return folder;
}

const reds = async (path: string): Promise<number[]> =>
  (await collect(await openVideo(path))).map((frame) => frame.data[0]!);

describe('a whole video file', () => {
  it.each(['mp4', 'mkv', 'avi', 'mov', 'ts'])('yields each frame of %s once, with index and time', async (ending) => {
    const source = await openVideo(await numberedVideo(`video.${ending}`));
    const frames = await collect(source);
    expect(source).toMatchObject({ width: 64, height: 48, fps: 25, rotation: 0, codec: 'h264', warnings: [] });
    expect(Math.abs(source.frameCount - 30)).toBeLessThanOrEqual(1);
    expect(frames.map(numberOf)).toEqual(upTo(30));
    expect(frames.map((frame) => frame.index)).toEqual(upTo(30));
    for (const { time, index } of frames) expect(time).toBeCloseTo(index / 25, 3);
    expect(frames[0]!.data).toHaveLength(3 * 64 * 48);
  });

  it('keeps the times of a variable frame rate', async () => {
    const path = await numberedVideo('video.mkv', { times: 'if(lt(N\\,10)\\,N\\,3*N-20)' });
    const frames = await collect(await openVideo(path));
    expect(frames.map(numberOf)).toEqual(upTo(30));
    const expected = upTo(30).map((i) => (i < 10 ? i : 3 * i - 20) / 25);
    for (const { time, index } of frames) expect(time).toBeCloseTo(expected[index]!, 3);
  });

  it('counts times from the first frame, also where the file starts late', async () => {
    const path = await numberedVideo('video.mkv', { times: 'N+100' });
    const frames = await collect(await openVideo(path));
    expect(frames[0]!.time).toBe(0);
    expect(frames[29]!.time).toBeCloseTo(29 / 25, 3);
  });

  it('leaves out what an edit list cuts away', async () => {
    const path = await numberedVideo();
    const trimmed = `${path}.trimmed.mp4`;
    await runFfmpeg(['-ss', '0.2', '-i', path, '-c', 'copy', trimmed]);
    const frames = await collect(await openVideo(trimmed));
    expect(frames.map(numberOf)).toEqual(upTo(30).slice(5));
    expect(frames[0]).toMatchObject({ index: 0, time: 0 });
  });

  it('reads odd sizes', async () => {
    const path = await numberedVideo('video.mkv', { width: 67, height: 45, output: ['-pix_fmt', 'yuv444p'] });
    const source = await openVideo(path);
    const frames = await collect(source);
    expect(source).toMatchObject({ width: 67, height: 45 });
    expect(frames).toHaveLength(30);
    expect(frames[7]!.data).toHaveLength(3 * 67 * 45);
    expect(frames.map(numberOf)).toEqual(upTo(30));
  });

  it('keeps one size where the video changes its own', async () => {
    const folder = await temporaryFolder();
    await makeNumberedVideo(join(folder, 'a.ts'), { frames: 10 });
    await makeNumberedVideo(join(folder, 'b.ts'), { frames: 10, width: 128, height: 96 });
    await runFfmpeg(['-i', `concat:${folder}/a.ts|${folder}/b.ts`, '-c', 'copy', join(folder, 'both.ts')]);
    const frames = await collect(await openVideo(join(folder, 'both.ts')));
    expect(frames.map(numberOf)).toEqual([...upTo(10), ...upTo(10)]);
    expect(new Set(frames.map((frame) => frame.data.length))).toEqual(new Set([3 * 64 * 48]));
  });

  it('reads a file whose name looks like an address or an option', async () => {
    const path = await numberedVideo();
    const odd = join(path, '..', 'http:-i %d.mp4');
    await rename(path, odd);
    expect(await collect(await openVideo(odd))).toHaveLength(30);
  });
});

describe('rotation', () => {
  it.each([
    { degrees: 90, size: [48, 64], corner: 'right top' },
    { degrees: 180, size: [64, 48], corner: 'right bottom' },
    { degrees: 270, size: [48, 64], corner: 'left bottom' },
  ] as const)('by $degrees is undone: the mark is $corner', async ({ degrees, size: [width, height], corner }) => {
    const path = join(await temporaryFolder(), 'video.mp4');
    const mark = 'drawbox=x=0:y=0:w=16:h=16:color=white:t=16';
    await runFfmpeg([
      '-f',
      'lavfi',
      '-i',
      `color=black:s=64x48:d=0.2,${mark}`,
      '-c:v',
      'libx264',
      '-pix_fmt',
      'yuv420p',
      path,
    ]);
    await setRotation(path, degrees);
    const source = await openVideo(path);
    const [frame] = await collect(source);
    expect(source).toMatchObject({ width, height, rotation: degrees });
    const x = corner.includes('right') ? width - 5 : 4;
    const y = corner.includes('bottom') ? height - 5 : 4;
    expect(frame).toMatchObject({ width, height });
    expect(frame!.data[3 * (y * width + x)]).toBeGreaterThan(200);
    expect(frame!.data[3 * ((height - 1 - y) * width + (width - 1 - x))]).toBeLessThan(50);
  });
});

describe('start', () => {
  it.each([
    { start: { frame: 12 }, first: 12 },
    { start: { time: 0.4 }, first: 10 },
    { start: { time: 0.41 }, first: 11 },
    { start: { time: 0 }, first: 0 },
  ])('$start leaves indices and times as they are', async ({ start, first }) => {
    const source = await openVideo(await numberedVideo(), { start });
    const frames = await collect(source);
    expect(frames.map(numberOf)).toEqual(upTo(30).slice(first));
    expect(frames.map((frame) => frame.index)).toEqual(upTo(30).slice(first));
    expect(frames[0]!.time).toBeCloseTo(first / 25, 3);
    expect(Math.abs(source.frameCount - frames.length)).toBeLessThanOrEqual(1);
  });

  it.each([{ frame: 30 }, { time: 1.2 }])('%o is past the end', async (start) => {
    const source = await openVideo(await numberedVideo(), { start });
    await expect(collect(source)).rejects.toMatchObject({ code: 'START_OUT_OF_RANGE' });
  });

  it.each([{ frame: -1 }, { frame: 1.5 }, { time: -1 }, { time: Number.NaN }])('%o is refused', async (start) => {
    await expect(openVideo(await numberedVideo(), { start })).rejects.toMatchObject({ code: 'START_OUT_OF_RANGE' });
  });
});

describe('a damaged file', () => {
  it.each([
    { name: 'video.mp4', output: ['-movflags', '+faststart'] },
    { name: 'video.avi', output: [] },
    { name: 'video.mkv', output: [] },
  ])('$name, cut off, yields what there is and warns', async ({ name, output }) => {
    const path = await numberedVideo(name, { output });
    await cutFile(path, 0.5);
    const source = await openVideo(path);
    const frames = await collect(source);
    expect(frames.length).toBeGreaterThan(5);
    expect(frames.length).toBeLessThan(30);
    expect(frames.slice(0, 5).map(numberOf)).toEqual(upTo(5));
    expect(source.warnings).toHaveLength(1);
    expect(source.warnings[0]).toContain(path);
  });

  it('that is an AVI file, cut off between two frames, is told by the number of frames in its header', async () => {
    const path = await numberedVideo('video.avi');
    const bytes = await readFile(path);
    const cut = bytes.indexOf('00dc', 0.55 * bytes.length);
    await writeFile(path, bytes.subarray(0, cut));
    const source = await openVideo(path);
    const frames = await collect(source);
    expect(frames.map(numberOf)).toEqual(upTo(frames.length));
    expect(source.warnings).toEqual([expect.stringContaining('expected 1.20 s')]);
  });

  it('yields what there is of a cut transport stream, which does not tell its length', async () => {
    const path = await numberedVideo('video.ts');
    await cutFile(path, 0.6);
    const frames = await collect(await openVideo(path));
    expect(frames.slice(0, 5).map(numberOf)).toEqual(upTo(5));
    expect(frames.length).toBeLessThan(30);
  });

  it('without anything to decode is unreadable', async () => {
    const path = await numberedVideo('video.mp4'); // its index lies at the end
    await cutFile(path, 0.5);
    await expect(openVideo(path)).rejects.toMatchObject({ code: 'VIDEO_UNREADABLE' });
  });

  it.each([
    { what: 'empty', content: '' },
    { what: 'text', content: 'frame,x,y,w,h\n0,1,2,3,4\n'.repeat(50) },
  ])('that is $what is unreadable', async ({ content }) => {
    const folder = await temporaryFolder();
    for (const name of ['boxes.txt', 'boxes.mp4']) {
      await writeFile(join(folder, name), content);
      await expect(openVideo(join(folder, name))).rejects.toMatchObject({ code: 'VIDEO_UNREADABLE' });
    }
  });

  it('that holds sound only is unreadable', async () => {
    const path = join(await temporaryFolder(), 'sound.wav');
    await runFfmpeg(['-f', 'lavfi', '-i', 'sine=d=0.2', path]);
    await expect(openVideo(path)).rejects.toMatchObject({ code: 'VIDEO_UNREADABLE' });
  });
});

describe.skipIf(process.platform !== 'linux')('ending early', () => {
  it('by leaving the loop leaves no process', async () => {
    const path = await longVideo();
    const before = await childProcesses();
    let running: string[] = [];
    for await (const frame of (await openVideo(path)).frames()) {
      running = await childProcesses();
      if (frame.index === 2) break;
    }
    expect(running.length).toBe(before.length + 1);
    expect(await childProcesses()).toEqual(before);
  });

  it('by the signal ends the frames and leaves no process', async () => {
    const path = await longVideo();
    const before = await childProcesses();
    const controller = new AbortController();
    const source = await openVideo(path, { signal: controller.signal });
    let count = 0;
    for await (const frame of source.frames()) {
      count++;
      if (frame.index === 2) controller.abort();
    }
    expect(count).toBe(3);
    expect(source.warnings).toEqual([]);
    expect(await childProcesses()).toEqual(before);
  });

  it('by an error in the loop leaves no process', async () => {
    const path = await longVideo();
    const before = await childProcesses();
    const failing = async (): Promise<void> => {
      for await (const frame of (await openVideo(path)).frames()) throw new Error(`stop at ${frame.index}`);
    };
    await expect(failing()).rejects.toThrow('stop at 0');
    expect(await childProcesses()).toEqual(before);
  });
});

it('holds a few frames only, however slowly they are taken', async () => {
  const path = join(await temporaryFolder(), 'long.mp4');
  await runFfmpeg([
    '-f',
    'lavfi',
    '-i',
    'testsrc=s=320x240:r=100:d=30',
    '-c:v',
    'libx264',
    '-preset',
    'ultrafast',
    path,
  ]);
  let count = 0;
  let early = 0;
  let late = 0;
  for await (const frame of (await openVideo(path)).frames()) {
    count++;
    // a pause is when a reader without back-pressure would fill the memory
    if (frame.index === 1000) await new Promise((resolve) => setTimeout(resolve, 500));
    const memory = process.memoryUsage().rss;
    if (frame.index <= 1000) early = Math.max(early, memory);
    else late = Math.max(late, memory);
  }
  expect(count).toBe(3000);
  // all frames: 690 MB
  expect(late - early).toBeLessThan(100 * 2 ** 20);
});

it('reports an ffmpeg that cannot be started', async () => {
  const path = await numberedVideo();
  const binaries = await findBinaries();
  const broken = { ...binaries, ffmpeg: { ...binaries.ffmpeg, path } };
  const source = await openVideo(path, { binaries: broken });
  await expect(collect(source)).rejects.toMatchObject({ code: 'VIDEO_UNREADABLE' });
});

describe('images', () => {
  it('of a folder come in natural order', async () => {
    const folder = await imageFolder(['1.png', '2.png', '10.png']);
    await writeFile(join(folder, 'notes.txt'), 'no image');
    const source = await openVideo(folder);
    const frames = await collect(source);
    expect(source).toMatchObject({ width: 20, height: 10, fps: 25, frameCount: 3, warnings: [] });
    expect(frames.map((frame) => frame.data[0])).toEqual([10, 20, 30]);
    expect(frames.map(({ index, time }) => [index, time])).toEqual([0, 1, 2].map((i) => [i, i / 25]));
  });

  it('are found by glob and by printf pattern', async () => {
    const folder = await imageFolder(['a0001.png', 'a0002.png', 'a0010.png', 'b0001.png', 'a1.png', 'a(3).png']);
    expect(await reds(join(folder, 'a%04d.png'))).toEqual([10, 20, 30]);
    expect(await reds(join(folder, 'a%d.png'))).toEqual([10, 50, 20, 30]);
    expect(await reds(join(folder, '*0001.png'))).toEqual([10, 40]);
    expect(await reds(join(folder, '{a,b}0001.png'))).toEqual([10, 40]);
    expect(await reds(join(folder, '[!a]*.png'))).toEqual([40]);
    expect(await reds(join(folder, 'a(?).png'))).toEqual([60]);
    expect(await reds(join(folder, 'b0001.png'))).toEqual([40]);
  });

  it('start where they are told', async () => {
    const folder = await imageFolder(['1.png', '2.png', '3.png']);
    const source = await openVideo(folder, { start: { time: 0.08 } });
    expect((await collect(source)).map(({ index, data }) => [index, data[0]])).toEqual([[2, 30]]);
    expect(source.frameCount).toBe(1);
    await expect(openVideo(folder, { start: { frame: 3 } })).rejects.toMatchObject({ code: 'START_OUT_OF_RANGE' });
  });

  it('that cannot be read are left out with a warning and keep their place', async () => {
    const folder = await imageFolder(['1.png', '2.png', '3.png']);
    await cutFile(join(folder, '2.png'), 0.5);
    const source = await openVideo(folder);
    expect((await collect(source)).map((frame) => frame.index)).toEqual([0, 2]);
    expect(source.warnings).toHaveLength(1);
    expect(source.warnings[0]).toContain('2.png');
  });

  it('that all cannot be read are an unreadable video', async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, '1.png'), 'no image');
    await expect(openVideo(folder)).rejects.toMatchObject({ code: 'VIDEO_UNREADABLE' });
  });

  it('of another size than the first are brought to it, and named', async () => {
    const folder = await imageFolder(['1.png', '2.png']);
    await sharp({ create: { width: 6, height: 4, channels: 3, background: 'red' } })
      .png()
      .toFile(join(folder, '3.png'));
    const source = await openVideo(folder);
    const frames = await collect(source);
    expect(frames.map(({ width, height, data }) => [width, height, data.length])).toEqual(
      frames.map(() => [20, 10, 600]),
    );
    expect(frames.map(({ data }) => data[300])).toEqual([10, 20, 255]);
    expect(source.warnings).toEqual([
      'frame 2 (3.png) has 6 x 4 pixels, it was scaled to 20 x 10 as the first image has',
    ]);
  });
});

it.each(['nothing.mp4', 'nothing/', 'nothing%04d.png', '*.png', 'empty'])('%s is not found', async (name) => {
  const folder = await temporaryFolder();
  await mkdir(join(folder, 'empty'));
  await expect(openVideo(join(folder, name))).rejects.toMatchObject({ code: 'INPUT_NOT_FOUND' });
});

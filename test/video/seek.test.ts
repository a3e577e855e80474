import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { frameAt, parsePackets } from '../../src/video/frame-index.js';
import { openVideo } from '../../src/video/read.js';
import { openSeekable, type SeekableVideo } from '../../src/video/seek.js';
import type { Frame } from '../../src/image/frame.js';
import {
  childProcesses,
  collect,
  cutFile,
  makeNumberedVideo,
  numberOf,
  runFfmpeg,
  temporaryFolder,
} from '../helpers/video.js';

const firstFrom = async (video: SeekableVideo, frame: number): Promise<Frame | undefined> => {
  for await (const found of video.frames(frame)) return found;
  return undefined;
};

describe('a jump', () => {
  it.each([
    ['of a constant rate', 'a.mp4', {}],
    ['of a varying rate', 'a.mp4', { times: 'N+N*N/20' }],
    ['of Matroska', 'a.mkv', {}],
    ['that starts late', 'a.mp4', { times: 'N+40' }],
    ['of a transport stream', 'a.ts', {}],
    ['of B-frames between far key frames', 'a.mp4', { output: ['-g', '100', '-bf', '3'] }],
  ])('gives the frame that reading in order gives: a file %s', async (_, name, options) => {
    const file = path.join(await temporaryFolder(), name);
    await makeNumberedVideo(file, options);
    const all = await collect(await openVideo(file));
    const video = await openSeekable(file);
    await video.counted;
    expect(video.frameCount()).toBe(all.length);
    for (const number of [all.length - 1, 0, 1, 10, 9, 17]) {
      const frame = await firstFrom(video, number);
      expect(frame?.index).toBe(number);
      expect(frame?.time).toBeCloseTo(all[number]!.time, 4);
      expect(numberOf(frame!)).toBe(numberOf(all[number]!));
      expect(frame?.data).toEqual(all[number]!.data);
    }
    expect(await firstFrom(video, all.length)).toBeUndefined();
  });

  it('skips what an edit list cuts away', async () => {
    const folder = await temporaryFolder();
    const [whole, file] = [path.join(folder, 'whole.mp4'), path.join(folder, 'a.mp4')];
    await makeNumberedVideo(whole);
    await runFfmpeg(['-ss', '0.5', '-i', whole, '-c', 'copy', file]);
    const all = await collect(await openVideo(file));
    const video = await openSeekable(file);
    for (const number of [0, 1, 7, all.length - 1]) {
      const frame = await firstFrom(video, number);
      expect(frame?.time).toBeCloseTo(all[number]!.time, 4);
      expect(numberOf(frame!)).toBe(numberOf(all[number]!));
    }
  });

  it('goes on in order, and ends with the video', async () => {
    const file = path.join(await temporaryFolder(), 'a.mp4');
    await makeNumberedVideo(file);
    const video = await openSeekable(file);
    const numbers: number[] = [];
    for await (const frame of video.frames(13)) numbers.push(frame.index);
    expect(numbers).toEqual(Array.from({ length: 17 }, (_, i) => 13 + i));
  });

  it('within a file that is cut off still shows the frames that are there', async () => {
    const file = path.join(await temporaryFolder(), 'a.mkv');
    await makeNumberedVideo(file);
    await cutFile(file, 0.6);
    const all = await collect(await openVideo(file));
    const video = await openSeekable(file);
    const frame = await firstFrom(video, all.length - 2);
    expect(numberOf(frame!)).toBe(all.length - 2);
  });

  it('over frames that cannot be decoded: once that is seen, numbers are those of reading in order', async () => {
    const file = path.join(await temporaryFolder(), 'a.mkv');
    await makeNumberedVideo(file, { frames: 12, encoder: ['-c:v', 'png', '-pix_fmt', 'rgb24'] });
    const bytes = await readFile(file);
    let at = -1;
    for (let i = 0; i <= 5; i++) at = bytes.indexOf('IHDR', at + 1);
    await writeFile(file, bytes.fill(0, at, at + 20)); // the head of the sixth picture
    const all = await collect(await openVideo(file));
    expect(all.map(numberOf)).toEqual([0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11]);
    const video = await openSeekable(file);
    await video.counted;
    const numbers: number[] = [];
    for await (const frame of video.frames(3)) numbers.push(numberOf(frame));
    expect(numbers).toEqual(all.slice(3).map(numberOf));
    while (!video.isCounted()) await new Promise((resolve) => setTimeout(resolve, 20));
    expect(video.frameCount()).toBe(11);
    expect(numberOf((await firstFrom(video, 7))!)).toBe(8);
  });

  it('leaves no process, by the signal or by leaving the loop', async () => {
    const file = path.join(await temporaryFolder(), 'a.mp4');
    await makeNumberedVideo(file);
    const video = await openSeekable(file);
    await video.counted;
    await firstFrom(video, 12);
    const abort = new AbortController();
    for await (const frame of video.frames(3, abort.signal)) if (frame.index === 5) abort.abort();
    if (process.platform === 'linux') expect(await childProcesses()).toEqual([]);
  });

  it('in a folder of images', async () => {
    const folder = await temporaryFolder();
    for (const [i, grey] of [10, 60, 110].entries()) {
      const image = sharp({ create: { width: 8, height: 6, channels: 3, background: { r: grey, g: grey, b: grey } } });
      await image.png().toFile(path.join(folder, `${i}.png`));
    }
    await writeFile(path.join(folder, '3.png'), 'no image');
    const video = await openSeekable(folder);
    expect([video.width, video.height, video.frameCount()]).toEqual([8, 6, 4]);
    expect((await firstFrom(video, 2))?.data[0]).toBe(110);
    await expect(firstFrom(video, 3)).rejects.toMatchObject({ code: 'VIDEO_UNREADABLE' });
  });
});

describe('the index', () => {
  const packets = (lines: string[], format = 'format,"mov,mp4",0.000000'): string => [...lines, format].join('\n');

  it('is in the order of showing, without what is discarded', () => {
    const { index } = parsePackets(packets(['packet,1.0,KD_', 'packet,1.5,K__', 'packet,2.5,___', 'packet,2.0,___']));
    expect([...index!.times]).toEqual([0, 0.5, 1]);
    expect([index!.offset, index!.keys]).toEqual([1.5, [0]]);
    expect(frameAt(index!, 0.7)).toBe(1);
    expect(frameAt(index!, 9)).toBe(2);
  });

  it.each([
    ['a time is missing', packets(['packet,0.0,K__', 'packet,N/A,___'])],
    ['two frames have one time', packets(['packet,0.0,K__', 'packet,1.0,___', 'packet,1.0,___'])],
    ['it does not begin with a key frame', packets(['packet,0.0,___', 'packet,1.0,K__'])],
    ['frames are shown before the first key frame', packets(['packet,1.0,K__', 'packet,0.5,___'])],
    ['the container is another', packets(['packet,0.0,K__'], 'format,mpegts,1.4')],
  ])('is none where %s', (_, csv) => expect(parsePackets(csv).index).toBeUndefined());
});

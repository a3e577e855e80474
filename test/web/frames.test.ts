import path from 'node:path';
import sharp from 'sharp';
import { expect, it, onTestFinished } from 'vitest';
import { openSeekable, type SeekableVideo } from '../../src/video/seek.js';
import { createFrameStore, type FrameStore, type FrameStoreOptions } from '../../src/web/frames.js';
import { makeNumberedVideo, numberOf, temporaryFolder, type NumberedVideo } from '../helpers/video.js';

interface Opened {
  readonly frames: FrameStore;
  readonly video: SeekableVideo;
  /** Where each reader began. */
  readonly jumps: number[];
}

async function open(options: FrameStoreOptions = {}, clip: NumberedVideo = {}): Promise<Opened> {
  const file = path.join(await temporaryFolder(), 'a.mp4');
  await makeNumberedVideo(file, clip);
  const video = await openSeekable(file);
  await video.counted;
  const jumps: number[] = [];
  const watched: SeekableVideo = {
    ...video,
    frames(first, signal) {
      jumps.push(first);
      return video.frames(first, signal);
    },
  };
  const frames = createFrameStore(watched, options);
  onTestFinished(() => frames.close());
  return { frames, jumps, video };
}

async function numberIn(picture: Buffer): Promise<number> {
  const { data, info } = await sharp(picture).raw().toBuffer({ resolveWithObject: true });
  return numberOf({ data, width: info.width, height: info.height, index: 0, time: 0 });
}

it('shows any frame', async () => {
  const { frames } = await open();
  for (const wanted of [0, 29, 7, 8]) expect(await numberIn(await frames.jpeg(wanted))).toBe(wanted);
});

it('reads on where it can, jumps where it must, and keeps what it has shown', async () => {
  const { frames, jumps } = await open();
  for (const wanted of [0, 1, 2, 5, 1, 0]) await frames.jpeg(wanted);
  expect(jumps).toEqual([0]);
  for (const wanted of [29, 28, 27, 26, 20]) await frames.jpeg(wanted);
  // each tenth frame is a key frame; backwards at one go
  expect(jumps).toEqual([0, 29, 16]);
});

it('shows a frame before the wanted one where that is sooner, and then the wanted one', async () => {
  const { frames, jumps, video } = await open(
    {},
    { frames: 36, output: ['-g', '100', '-bf', '0', '-sc_threshold', '0', '-force_key_frames', '0.2'] },
  );
  expect(video.quickFrame(35)).toBe(11); // the key frame is 5: 0.2 s later a jump does not begin before it
  const near = await frames.near(35);
  expect([near.frame, await numberIn(near.picture)]).toEqual([11, 11]);
  expect(await numberIn(await frames.jpeg(35))).toBe(35);
  expect(jumps).toEqual([11, 35]);
  expect((await frames.near(35)).frame).toBe(35); // at hand by now
  expect((await frames.near(30)).frame).toBe(30); // a few back
  expect((await frames.near(3)).frame).toBe(3); // near the first
});

it('keeps no more than it may', async () => {
  const { frames, jumps } = await open({ cacheBytes: 1 });
  for (const wanted of [3, 4, 3]) await frames.jpeg(wanted);
  expect(jumps).toEqual([3, 0]);
});

it('does not read for who has gone', async () => {
  const { frames, jumps } = await open();
  const gone = new AbortController();
  const first = frames.jpeg(20);
  const second = frames.jpeg(3, gone.signal);
  gone.abort();
  await first;
  await expect(second).rejects.toThrow(/abort/);
  expect(jumps).toEqual([20]);
});

it('takes frames that others decoded', async () => {
  const { frames, jumps } = await open();
  await frames.offer({ data: new Uint8Array(3 * 64 * 48).fill(200), width: 64, height: 48, index: 12, time: 0 });
  const { data } = await sharp(await frames.jpeg(12))
    .raw()
    .toBuffer({ resolveWithObject: true });
  expect(data[0]).toBeCloseTo(200, -1);
  expect(jumps).toEqual([]);
});

it('says so where there is no such frame', async () => {
  const { frames } = await open();
  await expect(frames.jpeg(30)).rejects.toMatchObject({ code: 'INPUT_NOT_FOUND' });
  expect(await numberIn(await frames.jpeg(3))).toBe(3);
});

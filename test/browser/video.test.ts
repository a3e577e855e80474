/** Video files in a real browser: Chromium of the system, headless. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { openVideo } from '../../src/video/read.js';
import type { ReadVideo, VideoPage } from './video-page.js';
import { bundleOf, servePage } from '../helpers/browser-page.js';
import { runFfmpeg, setRotation, temporaryFolder } from '../helpers/video.js';
import { browserPath, DEMO, openBrowser } from '../helpers/web.js';

declare const videoPage: VideoPage;

const CLIP = path.join(DEMO, 'demo.mp4');
/** Of ten minutes, pictures that are as small as can be. */
const LONG = { seconds: 600, fps: 5, size: '64x48' };
const VP9 = [
  '-c:v',
  'libvpx-vp9',
  '-deadline',
  'realtime',
  '-cpu-used',
  '8',
  '-auto-alt-ref',
  '1',
  '-lag-in-frames',
  '8',
];
const TURNED = ['-c:v', 'libx264'];
const VP8 = ['-c:v', 'libvpx', '-deadline', 'realtime', '-cpu-used', '8'];
/** Mean of all values, 0 to 255: browsers turn YUV into RGB with other rounding than ffmpeg does. */
const CLOSE = 2;

if (browserPath === undefined) console.warn('no Chromium on this machine: video files are not tested in a browser');

describe.skipIf(browserPath === undefined)('video files in a browser', () => {
  let browser: Browser;
  let script: Uint8Array;
  beforeAll(async () => {
    script = await bundleOf('test/browser/video-page.ts');
    browser = await openBrowser(['--enable-precise-memory-info']);
  });
  afterAll(() => browser?.close());

  /** @param before runs in the page before its scripts do */
  async function openPage(files: Record<string, Uint8Array>, before?: () => void) {
    const served = Object.fromEntries(Object.entries(files).map(([name, bytes]) => [`/${name}`, () => bytes]));
    const server = await servePage(false, { ...served, '/page.js': () => script });
    const context = await browser.newContext();
    onTestFinished(async () => {
      await context.close();
      await server.close();
    });
    if (before) await context.addInitScript(before);
    const page = await context.newPage();
    await page.goto(server.url);
    return page;
  }

  /** As ffmpeg decodes it: number, time, and mean of all values. */
  async function readByNode(file: string): Promise<(readonly [number, number, number])[]> {
    const frames: (readonly [number, number, number])[] = [];
    const source = await openVideo(file);
    for await (const { data, index, time } of source.frames())
      frames.push([index, time, data.reduce((sum, value) => sum + value, 0) / data.length]);
    return frames;
  }

  async function encode(name: string, options: readonly string[]): Promise<string> {
    const file = path.join(await temporaryFolder(), name);
    await runFfmpeg(['-i', CLIP, '-frames:v', '24', '-vf', 'scale=160:120', ...options, file]);
    return file;
  }

  async function turned(name: string): Promise<string> {
    const file = await encode(name, TURNED);
    await setRotation(file, 90);
    return file;
  }

  /** The same frames at the same times, with the same brightness. */
  function expectSame(found: ReadVideo, expected: readonly (readonly [number, number, number])[]): void {
    expect(found.frames.map(([index]) => index)).toEqual(expected.map(([index]) => index));
    for (const [i, [, time, mean]] of found.frames.entries()) {
      expect(time).toBeCloseTo(expected[i]![1], 3);
      expect(Math.abs(mean - expected[i]![2])).toBeLessThan(CLOSE);
    }
    expect(found.times).toEqual(found.frames.map(([, time]) => time));
  }

  it.each([
    ['H.264 with B-frames', 'a.mp4', ['-c:v', 'libx264', '-bf', '2']],
    ['VP9 with hidden frames', 'a.webm', VP9],
    [
      'VP8 with hidden frames, uneven times',
      'b.webm',
      [
        ...VP8,
        '-auto-alt-ref',
        '1',
        '-lag-in-frames',
        '8',
        '-vf',
        'scale=320:240,setpts=N*N/900/TB',
        '-fps_mode',
        'vfr',
      ],
    ],
    ['a telephone film, turned', 'b.mp4', TURNED],
    ['wide pixels', 'c.mp4', ['-c:v', 'libx264', '-vf', 'scale=80:120,setsar=2']],
  ])('reads each coded frame of %s once, with its time, as ffmpeg does', async (_, name, options) => {
    const file = await (options === TURNED ? turned(name) : encode(name, options));
    const page = await openPage({ [name]: await readFile(file) });
    const found = await page.evaluate((address) => videoPage.readVideo(address), `/${name}`);
    const source = await openVideo(file);
    expect(found).toMatchObject({ width: source.width, height: source.height, decoder: 'webcodecs', notes: [] });
    expectSame(found, await readByNode(file));
    const later = await page.evaluate((address) => videoPage.readVideo(address, 15), `/${name}`);
    expect(later.frames).toEqual(found.frames.slice(15));
  });

  it('reads from a video element where there is no WebCodecs, and says so', async () => {
    const file = await encode('a.webm', VP9);
    const page = await openPage({ 'a.webm': await readFile(file) }, () => {
      delete (globalThis as { VideoDecoder?: unknown }).VideoDecoder;
    });
    const found = await page.evaluate(() => videoPage.readVideo('/a.webm'));
    expect(found.decoder).toBe('element');
    expect(found.notes).toEqual([
      expect.stringMatching(/^this browser has no WebCodecs.*video element, which is slower$/),
    ]);
    expectSame(found, await readByNode(file));
  });

  it('gives one clear message for what is no video or is broken, and what a cut file still holds', async () => {
    const whole = await readFile(await encode('a.webm', [...VP9, '-g', '4', '-cluster_time_limit', '150']));
    const mp4 = await readFile(await encode('a.mp4', ['-c:v', 'libx264']));
    const sound = path.join(await temporaryFolder(), 'sound.mp4');
    await runFfmpeg(['-f', 'lavfi', '-i', 'sine=duration=1', '-c:a', 'aac', sound]);
    const page = await openPage({
      'text.mp4': Buffer.from('no video at all'.repeat(1000)),
      'empty.mp4': new Uint8Array(),
      'cut.mp4': mp4.subarray(0, mp4.length / 2),
      'sound.mp4': await readFile(sound),
      'cut.webm': whole.subarray(0, (whole.length * 2) / 3),
    });
    const of = (name: string): Promise<string> => page.evaluate((at) => videoPage.refusal(at), `/${name}`);
    expect(await of('text.mp4')).toBe(
      'VIDEO_UNREADABLE: video text.mp4: cannot be read: expected mp4, mov, webm or mkv, found something else',
    );
    expect(await of('empty.mp4')).toMatch(/^VIDEO_UNREADABLE: video empty\.mp4: cannot be read: /);
    expect(await of('cut.mp4')).toMatch(/^VIDEO_UNREADABLE: video cut\.mp4: cannot be read: /);
    expect(await of('sound.mp4')).toBe('VIDEO_UNREADABLE: video sound.mp4: cannot be read: found no video in it');
    const cut = await page.evaluate(() => videoPage.readVideo('/cut.webm'));
    expect(cut.frames.length).toBeGreaterThan(4);
    expect(cut.frames.length).toBeLessThan(24);
  });

  it('reads ten minutes in flat memory', async () => {
    const file = path.join(await temporaryFolder(), 'long.webm');
    const { seconds, fps, size } = LONG;
    await runFfmpeg([
      '-f',
      'lavfi',
      '-i',
      `testsrc2=size=${size}:rate=${fps}:duration=${seconds}`,
      ...VP8,
      '-g',
      '100',
      file,
    ]);
    const page = await openPage({ 'long.webm': await readFile(file) });
    const { frames, open, heap, last } = await page.evaluate(() => videoPage.readFlat('/long.webm', 500));
    console.log(
      `${frames} frames, ${open} open at most, heap ${heap.map((bytes) => (bytes / 1e6).toFixed(1)).join(' ')} MB`,
    );
    expect(frames).toBe(seconds * fps);
    expect(last).toBeCloseTo(seconds - 1 / fps, 2);
    expect(open).toBeLessThan(24);
    expect(Math.max(...heap.slice(2))).toBeLessThan(heap[1]! + 20e6);
  });
});

import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { findBinaries } from '../../src/video/binaries.js';
import { probeVideo, type VideoInfo } from '../../src/video/probe.js';
import { openSeekable } from '../../src/video/seek.js';
import { openVideo } from '../../src/video/read.js';
import { cli } from '../helpers/terminal.js';
import { makeNumberedVideo, makePicture, runFfmpeg, temporaryFolder } from '../helpers/video.js';

/** Streams of these widths; `dispositions` in their order. */
async function makeStreams(widths: readonly number[], dispositions: readonly string[], name: string): Promise<string> {
  const file = path.join(await temporaryFolder(), name);
  const inputs = widths.flatMap((width) => ['-f', 'lavfi', '-i', `color=gray:s=${width}x48:r=25:d=0.2`]);
  const maps = widths.flatMap((_, i) => ['-map', String(i)]);
  const said = dispositions.flatMap((text, i) => [`-disposition:v:${i}`, text]);
  await runFfmpeg([...inputs, ...maps, '-c:v', 'libx264', '-pix_fmt', 'yuv420p', ...said, file]);
  return file;
}

const probe = async (file: string, stream?: number): Promise<VideoInfo> =>
  probeVideo(await findBinaries(), file, { stream });

describe('of several video streams', () => {
  it.each([
    { what: 'the first', dispositions: ['0', '0', '0'], width: 64 },
    { what: 'the default one', dispositions: ['0', '0', 'default'], width: 32 },
    { what: 'the first of two default ones', dispositions: ['0', 'default', 'default'], width: 128 },
  ])('$what is taken, and that is said: $dispositions', async ({ dispositions, width }) => {
    const info = await probe(await makeStreams([64, 128, 32], dispositions, 'a.mkv'));
    expect(info.width).toBe(width);
    expect(info.notes).toHaveLength(1);
    expect(info.notes[0]).toContain('3 video streams (0: h264 64 x 48, 1: h264 128 x 48, 2: h264 32 x 48)');
  });

  it('the one that is asked for is taken, in silence', async () => {
    const file = await makeStreams([64, 128], ['default', '0'], 'a.mp4');
    expect(await probe(file, 1)).toMatchObject({ stream: '0:1', width: 128, notes: [] });
    expect(await openVideo(file, { stream: 1 })).toMatchObject({ width: 128, warnings: [] });
    const video = await openSeekable(file, { stream: 1 });
    expect(video).toMatchObject({ width: 128, notes: [] });
    await video.close();
  });

  it('one that is not there, or is no video, is refused with those that are', async () => {
    const file = path.join(await temporaryFolder(), 'a.mp4');
    const sound = ['-f', 'lavfi', '-i', 'sine=d=0.2'];
    await runFfmpeg([...sound, '-f', 'lavfi', '-i', 'color=gray:s=64x48:d=0.2', '-map', '0', '-map', '1', file]);
    for (const stream of [0, 7]) {
      await expect(openVideo(file, { stream })).rejects.toMatchObject({
        code: 'OPTION_INVALID',
        message: expect.stringContaining('found 1: h264 64 x 48') as string,
        hint: expect.stringContaining('--stream 1') as string,
      });
    }
    expect(await openVideo(file)).toMatchObject({ width: 64, warnings: [] });
  });

  it('images have none', async () => {
    const folder = await temporaryFolder();
    await makePicture(path.join(folder, '1.png'));
    await expect(openVideo(folder, { stream: 0 })).rejects.toMatchObject({ code: 'OPTION_INVALID' });
    await expect(openSeekable(folder, { stream: 0 })).rejects.toMatchObject({ code: 'OPTION_INVALID' });
  });

  it.each(['track', 'convert', 'pick', 'serve'])('%s refuses --stream that is no number', async (command) => {
    const args = { track: ['a.mp4', '--box', '1,1,9,9'], convert: ['a.csv', 'b.xml', '--video', 'a.mp4'] }[command];
    const { exitCode, err } = await cli(command, ...(args ?? ['a.mp4']), '--stream', 'second');
    expect([exitCode, err]).toEqual([2, expect.stringContaining('--stream "second": expected a whole number')]);
  });

  it('track refuses --stream of what is live', async () => {
    const { exitCode, err } = await cli('track', 'rtsp://127.0.0.1:1/none', '--box', '1,1,9,9', '--stream', '1');
    expect([exitCode, err]).toEqual([2, expect.stringContaining('leave --stream out')]);
  });
});

describe('the shape of a pixel', () => {
  it.each([
    ['64/45', [64, 45]],
    ['1280/1083', [1280, 1083]],
    ['1', [1, 1]],
  ])('%s is read', async (ratio, expected) => {
    const file = path.join(await temporaryFolder(), 'a.mp4');
    await makeNumberedVideo(file, { frames: 2, output: ['-vf', `setsar=${ratio}:max=65535`] });
    expect((await probe(file)).pixelAspect).toEqual(expected);
  });
});

it('the rate of a file that does not tell it is that of its packets', async () => {
  const file = path.join(await temporaryFolder(), 'a.mkv');
  // every second frame comes 7 ms late
  await makeNumberedVideo(file, { frames: 31, fps: 20, times: 'N+0.14*mod(N\\,2)', hideRate: true });
  expect((await probe(file)).fps).toBeCloseTo(20, 6);
});

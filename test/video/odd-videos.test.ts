/** Track, page, convert and the written video: the same frames, at the same times, of the same size, the same way up. */
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { FastifyInstance } from 'fastify';
import sharp from 'sharp';
import { describe, expect, it, onTestFinished, type TestContext } from 'vitest';
import { openOutputs } from '../../src/cli/outputs.js';
import { readTracks } from '../../src/io/tracks.js';
import type { TrackResult } from '../../src/result.js';
import { trackVideo } from '../../src/tracker/track-video.js';
import { openVideo, type VideoSource } from '../../src/video/read.js';
import { TIME_HEADER, type VideoData } from '../../src/web/messages.js';
import { createServer } from '../../src/web/server.js';
import { cli, createTestTerminal } from '../helpers/terminal.js';
import { ODD_VIDEOS, readPicture, type OddVideo, type Shown } from '../helpers/odd-videos.js';
import { collect, temporaryFolder } from '../helpers/video.js';
import { someOf } from '../helpers/thorough.js';

/** Seconds: containers round their times to milliseconds. */
const TOLERANCE = 0.0011;

/** As large a part of every picture, below what readPicture looks at. */
const boxIn = ({ width, height }: Shown) => ({ x: 0.3 * width, y: 0.75 * height, w: 0.4 * width, h: 0.15 * height });

/** Stays where it is. */
function stillTracker(box: TrackResult['box']) {
  const result = { box, confidence: 1, state: 'tracking' } as const;
  return { init: async () => result, update: async () => result };
}

async function shownBy(source: VideoSource): Promise<Shown> {
  const frames = await collect(source);
  const pictures = frames.map(readPicture);
  const { width, height, pixelAspect } = source;
  expect(frames.every((frame) => frame.width === width && frame.height === height)).toBe(true);
  expect(frames.map(({ index }) => index)).toEqual([...frames.keys()]);
  const corners = new Set(pictures.map(({ corner }) => corner));
  expect(corners.size).toBe(1);
  return {
    numbers: pictures.map(({ number }) => number),
    times: frames.map(({ time }) => time),
    width,
    height,
    pixelAspect,
    corner: pictures[0]!.corner,
  };
}

/** What `track` does, with a tracker that needs no networks. */
async function track(odd: OddVideo, file: string, folder: string): Promise<{ csv: string; mp4: string }> {
  const source = await openVideo(file, odd.stream === undefined ? {} : { stream: odd.stream });
  const [csv, mp4] = [path.join(folder, 'tracked.csv'), path.join(folder, 'tracked.mp4')];
  const outputs = await openOutputs({ rows: csv, video: mp4 }, [1], source, createTestTerminal().stdout);
  const box = boxIn(odd.shown);
  for await (const tracked of trackVideo(stillTracker(box), source, box))
    await outputs.write({ ...tracked, objects: [tracked] });
  await outputs.close();
  if (odd.warning) expect(source.warnings.join('\n')).toMatch(odd.warning);
  else expect(source.warnings).toEqual([]);
  return { csv, mp4 };
}

function expectTimes(found: readonly number[], expected: readonly number[]): void {
  expect(found).toHaveLength(expected.length);
  for (const [i, time] of found.entries()) expect(Math.abs(time - expected[i]!)).toBeLessThan(TOLERANCE);
}

function expectSame(found: Shown, expected: Shown): void {
  expect({ ...found, times: [] }).toEqual({ ...expected, times: [] });
  expectTimes(found.times, expected.times);
}

async function convert(odd: OddVideo, file: string, csv: string, folder: string): Promise<void> {
  const stream = odd.stream === undefined ? [] : ['--stream', String(odd.stream)];
  const [xml, again, mp4] = ['a.xml', 'a.csv', 'a.mp4'].map((name) => path.join(folder, name));
  const run = async (from: string, to: string): Promise<void> =>
    expect(await cli('convert', from, to, '--video', file, ...stream)).toMatchObject({ exitCode: 0, out: '' });
  await run(csv, xml!);
  const text = await readFile(xml!, 'utf8');
  const { width, height, numbers, times } = odd.shown;
  expect(text).toContain(`<size>${numbers.length}</size>`);
  expect(text).toContain(`<stop_frame>${numbers.length - 1}</stop_frame>`);
  expect(text).toMatch(new RegExp(`<width>${width}</width>\\s*<height>${height}</height>`));
  // CVAT knows frames, no times: the video tells them
  await run(xml!, again!);
  expectTimes(
    (await readTracks(again!)).map(({ time }) => time),
    times,
  );
  await run(csv, mp4!);
  expectSame(await shownBy(await openVideo(mp4!)), odd.shown);
}

const HEADERS = { host: '127.0.0.1:8642' };

/** The page's server, and the video opened in it. */
async function openPage(odd: OddVideo, file: string) {
  const box = boxIn(odd.shown);
  const server = await createServer({
    root: path.dirname(file),
    openTracker: async () => ({
      init: async (_, boxes) => boxes.map((one) => ({ box: one, confidence: 1, state: 'tracking' })),
      update: async () => [{ box, confidence: 1, state: 'tracking' }],
      release: async () => undefined,
    }),
    ...(odd.stream === undefined ? {} : { stream: odd.stream }),
  });
  onTestFinished(() => server.close());
  const payload = { path: path.basename(file) };
  const ask = async (): Promise<VideoData & { id: string }> =>
    (await server.inject({ method: 'POST', url: '/api/videos', payload, headers: HEADERS })).json();
  const { id } = await ask();
  await until(async () => (await ask()).counted);
  return { server, url: `/api/videos/${id}`, ask, box };
}

async function until(isDone: () => Promise<boolean>): Promise<void> {
  while (!(await isDone())) await new Promise((resolve) => setTimeout(resolve, 50));
}

async function page(odd: OddVideo, file: string, folder: string): Promise<void> {
  const { server, url, ask, box } = await openPage(odd, file);
  const { numbers, times, width, height, corner } = odd.shown;
  // in an order in which readers have to jump
  for (const frame of [numbers.length - 1, 0, Math.floor(numbers.length / 2)]) {
    const { headers, rawPayload } = await server.inject({ url: `${url}/frames/${frame}`, headers: HEADERS });
    const { data, info } = await sharp(rawPayload).raw().toBuffer({ resolveWithObject: true });
    expect([info.width, info.height]).toEqual([width, height]);
    expect(readPicture({ data, width, height })).toEqual({ number: numbers[frame], corner });
    expectTimes([Number(headers[TIME_HEADER])], [times[frame]!]);
  }
  expect(await ask()).toMatchObject({ width, height, frames: numbers.length, counted: true });
  if (odd.warning && !String(odd.warning).includes('damaged'))
    expect((await ask()).notes.join('\n')).toMatch(odd.warning);
  await server.inject({ method: 'POST', url: `${url}/boxes`, payload: { frame: 0, box }, headers: HEADERS });
  await server.inject({ method: 'POST', url: `${url}/start`, headers: HEADERS });
  const csv = path.join(folder, 'page.csv');
  await until(async () => {
    const rows = (await get(server, `${url}/export?format=csv`)).toString().trim().split('\n').length - 1;
    return rows === numbers.length;
  });
  await writeExport(server, url, 'csv', csv);
  expectTimes(
    (await readTracks(csv)).map(({ time }) => time),
    times,
  );
  const mp4 = path.join(folder, 'page.mp4');
  await writeExport(server, url, 'mp4', mp4);
  expectSame(await shownBy(await openVideo(mp4)), odd.shown);
}

const get = async (server: FastifyInstance, url: string): Promise<Buffer> =>
  (await server.inject({ url, headers: HEADERS })).rawPayload;

async function writeExport(server: FastifyInstance, url: string, format: string, file: string): Promise<void> {
  await writeFile(file, await get(server, `${url}/export?format=${format}`));
}

/** The path, or the end of the test with the reason said aloud. */
async function makeOrSkip(odd: OddVideo, folder: string, { skip }: TestContext): Promise<string> {
  return odd.make(folder).catch((error: unknown) => skip(`this ffmpeg cannot make it: ${String(error)}`));
}

describe.each(someOf(ODD_VIDEOS, 3).map((odd) => [odd.name, odd] as const))('%s', (_, odd) => {
  it('is the same video to all', async (context) => {
    const folder = await temporaryFolder();
    const file = await makeOrSkip(odd, folder, context);
    const source = await openVideo(file, odd.stream === undefined ? {} : { stream: odd.stream });
    expectSame(await shownBy(source), odd.shown);
    expectTimes([...(await source.frameTimes())!], odd.shown.times);
    const { csv, mp4 } = await track(odd, file, folder);
    expectTimes(
      (await readTracks(csv)).map(({ time }) => time),
      odd.shown.times,
    );
    expectSame(await shownBy(await openVideo(mp4)), odd.shown);
    await convert(odd, file, csv, folder);
    await page(odd, file, folder);
  });
});

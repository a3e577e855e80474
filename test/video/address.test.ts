import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { askServer } from '../../src/video/address.js';
import { findBinaries, oldBuildNote, type Binaries } from '../../src/video/binaries.js';
import { openLive } from '../../src/video/live.js';
import { openVideo } from '../../src/video/read.js';
import { openSeekable } from '../../src/video/seek.js';
import { isLive } from '../../src/video/source.js';
import { asWhole, breaking, folder as folderOf, inParts, serve, unmeasured } from '../helpers/http.js';
import {
  childProcesses,
  collect,
  makeNumberedVideo,
  numberOf,
  runFfmpeg,
  temporaryFolder,
  ownTemporaryFolder,
  streamsIn,
} from '../helpers/video.js';

const FRAMES = 30;
const ALL = Array.from({ length: FRAMES }, (_, i) => i);
/** The description of the file comes first, so that it can be read while it arrives. */
const FAST_START = ['-movflags', '+faststart'];

async function numbered(ending: string, output: readonly string[] = []): Promise<Buffer> {
  const file = join(await temporaryFolder(), `video.${ending}`);
  await makeNumberedVideo(file, { frames: FRAMES, output });
  return readFile(file);
}

async function numbersOf(address: string, options: Parameters<typeof openVideo>[1] = {}) {
  const source = await openVideo(address, options);
  const frames = await collect(source);
  return { numbers: frames.map(numberOf), indices: frames.map(({ index }) => index), warnings: source.warnings };
}

const unreadable = (words: string): object =>
  expect.objectContaining({ code: 'VIDEO_UNREADABLE', message: expect.stringContaining(words) as string });

describe('a file behind an address whose server gives parts', () => {
  it.each([
    ['mp4', [], 'video/mp4'],
    ['mp4', FAST_START, 'application/octet-stream'],
    ['mkv', [], ''],
    ['ts', [], 'video/mp2t'],
    ['flv', [], 'video/x-flv'],
  ])('%s %s: each frame once, in order, then the end', async (ending, output, type) => {
    const { origin } = await serve(inParts(await numbered(ending, output), type));
    const address = `${origin}/folder/clip.${ending}?token=abc&x=1`;
    expect(await isLive(address)).toBe(false);
    expect(await numbersOf(address)).toEqual({ numbers: ALL, indices: ALL, warnings: [] });
    await expect.poll(childProcesses).toEqual([]);
  });

  it('says size, rate and length, begins where it is asked to, and is read again', async () => {
    const temporary = await ownTemporaryFolder();
    const { origin, requests } = await serve(inParts(await numbered('mp4')));
    const source = await openVideo(`${origin}/clip.mp4`, { start: { frame: 20 } });
    expect(source).toMatchObject({ width: 64, height: 48, fps: 25, frameCount: 10, path: `${origin}/clip.mp4` });
    expect((await collect(source)).map(numberOf)).toEqual(ALL.slice(20));
    expect((await collect(source)).map(numberOf)).toEqual(ALL.slice(20));
    expect(requests.every(({ range }) => range !== undefined)).toBe(true);
    expect(await streamsIn(temporary)).toEqual([]);
  });

  it('follows redirects', async () => {
    const give = inParts(await numbered('mp4'));
    const { origin } = await serve((request, response) => {
      if (request.url === '/real?x=1') return give(request, response);
      response.writeHead(302, { location: '/real?x=1' }).end();
    });
    expect((await numbersOf(`${origin}/clip`)).numbers).toEqual(ALL);
  });

  it('gives name and password', async () => {
    const give = inParts(await numbered('mp4'));
    const { origin } = await serve((request, response) => {
      const known = request.headers.authorization === `Basic ${Buffer.from('me:p@ss').toString('base64')}`;
      if (known) return give(request, response);
      response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
    });
    expect((await numbersOf(`${origin.replace('//', '//me:p%40ss@')}/clip`)).numbers).toEqual(ALL);
  });

  it('asks without a range where the server minds it', async () => {
    const give = asWhole(await numbered('mkv'));
    const { origin } = await serve((request, response) => {
      if (request.headers.range === undefined) return give(request, response);
      response.writeHead(416).end();
    });
    expect((await numbersOf(`${origin}/clip`)).numbers).toEqual(ALL);
  });

  it('leaves passwords that Node cannot give to ffmpeg', async () => {
    const give = inParts(await numbered('mp4'));
    const { origin } = await serve((request, response) => {
      if (request.headers.authorization?.startsWith('Digest ')) return give(request, response);
      response.writeHead(401, { 'www-authenticate': 'Digest realm="x", nonce="y", qop="auth"' }).end();
    });
    expect((await numbersOf(`${origin.replace('//', '//me:secret@')}/clip`)).numbers).toEqual(ALL);
  });

  it('goes on where the line broke', async () => {
    const bytes = await numbered('mp4', FAST_START);
    const { origin, requests } = await serve(breaking(bytes, bytes.length >> 1, 2));
    expect(await numbersOf(`${origin}/clip.mp4`)).toEqual({ numbers: ALL, indices: ALL, warnings: [] });
    expect(requests.length).toBeGreaterThan(3);
  });

  it.each(['mp4', 'ts', 'mkv'])(
    'says aloud where it breaks off for good: %s',
    async (ending) => {
      const bytes = await numbered(ending, ending === 'mp4' ? FAST_START : []);
      const { origin, requests } = await serve(breaking(bytes, bytes.length >> 1));
      const { numbers, warnings } = await numbersOf(`${origin}/clip.${ending}`);
      expect(numbers.length).toBeGreaterThan(3);
      expect(numbers.length).toBeLessThan(FRAMES);
      expect(warnings.join()).toContain('damaged or cut off');
      expect(requests.length).toBeLessThan(20);
    },
    60_000,
  );

  it('is jumped about in, for the page', async () => {
    const { origin } = await serve(inParts(await numbered('mp4')));
    const video = await openSeekable(`${origin}/clip.mp4`);
    await video.counted;
    expect(video.frameCount()).toBe(FRAMES);
    for (const first of [25, 3]) {
      for await (const frame of video.frames(first)) {
        expect([frame.index, numberOf(frame)]).toEqual([first, first]);
        break;
      }
    }
  });
});

describe('a file behind an address whose server gives the whole only', () => {
  it('is fetched first, read once, and not kept', async () => {
    const temporary = await ownTemporaryFolder();
    const { origin } = await serve(asWhole(await numbered('mp4')));
    const notes: string[] = [];
    const source = await openVideo(`${origin}/clip.mp4?token=abc`, { onNote: (text) => notes.push(text) });
    expect(notes.join()).toContain('fetched first');
    expect([await streamsIn(temporary), source.frameCount]).toEqual([[expect.any(String)], FRAMES]);
    expect((await collect(source)).map(numberOf)).toEqual(ALL);
    expect(await streamsIn(temporary)).toEqual([]);
    await expect(collect(source)).rejects.toEqual(unreadable('was read already'));
  });

  it.each([
    ['mp4', []],
    ['mp4', FAST_START],
    ['mkv', []],
    ['avi', []],
  ])('%s %s without a length', async (ending, output) => {
    const temporary = await ownTemporaryFolder();
    const { origin } = await serve(unmeasured(await numbered(ending, output)));
    const address = `${origin}/clip`;
    expect(await isLive(address)).toBe(false);
    expect(await numbersOf(address)).toEqual({ numbers: ALL, indices: ALL, warnings: [] });
    expect(await streamsIn(temporary)).toEqual([]);
  });

  it('says where it broke off, and gives what came', async () => {
    const bytes = await numbered('mkv');
    const { origin } = await serve((_, response) => {
      response.writeHead(200, { 'content-length': bytes.length });
      response.write(bytes.subarray(0, bytes.length >> 1), () => response.destroy());
    });
    const { numbers, warnings } = await numbersOf(`${origin}/clip.mkv`);
    expect(numbers).toEqual(ALL.slice(0, numbers.length));
    expect(numbers.length).toBeGreaterThan(3);
    expect(warnings[0]).toContain(`it broke off after ${bytes.length >> 1} of ${bytes.length} bytes`);
  });

  it('says where it broke off that nothing can be read of it', async () => {
    const temporary = await ownTemporaryFolder();
    const bytes = await numbered('mp4');
    const { origin } = await serve((_, response) => {
      response.writeHead(200, { 'content-length': bytes.length });
      response.write(bytes.subarray(0, bytes.length >> 1), () => response.destroy());
    });
    const opened = openVideo(`${origin}/clip.mp4`);
    await expect(opened).rejects.toEqual(unreadable(`${origin}/clip.mp4`));
    await expect(opened).rejects.toEqual(unreadable('it broke off after'));
    expect(await streamsIn(temporary)).toEqual([]);
  });
});

// the build of 2018 tells no length of a playlist; addresses refuse it unless they are told otherwise
const isOldBuild = oldBuildNote(await findBinaries()) !== undefined;

describe('playlists', () => {
  async function playlist(ends: boolean) {
    const path = await temporaryFolder();
    const file = join(path, 'video.ts');
    await makeNumberedVideo(file, { frames: FRAMES });
    const flags = ['-hls_time', '0.4', '-hls_list_size', '0', ...(ends ? [] : ['-hls_flags', 'omit_endlist'])];
    await runFfmpeg(['-i', file, '-c', 'copy', '-f', 'hls', ...flags, join(path, 'list.m3u8')]);
    return { path, ...(await serve(folderOf(path))) };
  }

  it.skipIf(isOldBuild)('with an end: each frame once', async () => {
    const { origin } = await playlist(true);
    expect(await isLive(`${origin}/list.m3u8?a=b`)).toBe(false);
    expect(await numbersOf(`${origin}/list.m3u8?a=b`)).toEqual({ numbers: ALL, indices: ALL, warnings: [] });
  });

  it('without an end: live', async () => {
    const { origin } = await playlist(false);
    expect(await isLive(`${origin}/list.m3u8`)).toBe(true);
    await expect(openVideo(`${origin}/list.m3u8`)).rejects.toMatchObject({ code: 'OPTION_INVALID' });
  });

  it.skipIf(isOldBuild)('a part that is missing is told', async () => {
    const { origin, path } = await playlist(true);
    await rm(join(path, 'list1.ts'));
    const { numbers, warnings } = await numbersOf(`${origin}/list.m3u8`);
    expect(numbers.length).toBeLessThan(FRAMES);
    expect(warnings.join()).toContain('damaged or cut off');
  });
});

describe('what is live behind an address', () => {
  it.each([
    ['pictures in parts', 'multipart/x-mixed-replace; boundary=x', Buffer.from('--x\r\n')],
    ['a transport stream', 'application/octet-stream', undefined],
  ])('%s', async (_, type, bytes) => {
    const { origin } = await serve(unmeasured(bytes ?? (await numbered('ts')), type));
    expect(await isLive(`${origin}/live`)).toBe(true);
    await expect(openVideo(`${origin}/live`)).rejects.toMatchObject({ code: 'OPTION_INVALID' });
  });

  it('a matroska stream that does not know how long it will be', async () => {
    const { origin } = await serve(unmeasured(await numbered('mkv', ['-live', '1', '-f', 'matroska'])));
    expect(await isLive(`${origin}/live`)).toBe(true);
  });

  it('gives the newest picture of a camera, and is made again where the line breaks', async () => {
    const file = join(await temporaryFolder(), 'camera');
    await runFfmpeg(['-f', 'lavfi', '-i', 'testsrc=s=64x48:r=25:d=0.4', '-boundary_tag', 'x', '-f', 'mpjpeg', file]);
    const pictures = await readFile(file);
    let breakLine = (): void => {};
    const { origin } = await serve((_, response) => {
      response.writeHead(200, { 'content-type': 'multipart/x-mixed-replace; boundary=x' });
      const sending = setInterval(() => void response.write(pictures), 100);
      response.once('close', () => clearInterval(sending));
      breakLine = () => response.destroy();
    });
    const source = await openLive(`${origin}/live`);
    onTestFinished(() => source.close());
    expect([source.width, source.height]).toEqual([64, 48]);
    // each line is broken once something came over it
    let lines = 0;
    for await (const _ of source.frames()) {
      if (source.counts().reconnects < lines) continue;
      if (++lines === 3) break;
      breakLine();
    }
    expect(source.counts().reconnects).toBeGreaterThan(1);
  });

  it('a file is none, and is not read again and again', async () => {
    const { origin } = await serve(inParts(await numbered('mp4')));
    await expect(openLive(`${origin}/clip.mp4`)).rejects.toMatchObject({ code: 'OPTION_INVALID' });
  });
});

describe('what cannot be read behind an address', () => {
  it.each([
    [404, 'text/plain', 'nothing here', '404 Not Found'],
    [401, 'text/plain', '', '401 Unauthorized'],
    [403, 'text/html', '<html>', '403 Forbidden'],
    [503, 'text/html', '<html>', '503'],
    [200, 'text/html', '<!doctype html><title>video</title>', 'web page'],
    [200, 'application/json', '{"error": "expired"}', 'VIDEO'],
    [200, 'video/mp4', '', 'empty'],
  ])('%i %s %s: one clear message', async (status, type, body, words) => {
    const { origin, requests } = await serve((_, response) => {
      response.writeHead(status, { 'content-type': type, 'content-length': body.length }).end(body);
    });
    const failed = words === 'VIDEO' ? expect.objectContaining({ code: 'VIDEO_UNREADABLE' }) : unreadable(words);
    await expect(openVideo(`${origin}/clip.mp4`)).rejects.toEqual(failed);
    expect(requests.length).toBeLessThan(6);
    await expect(openLive(`${origin}/clip.mp4`)).rejects.toThrow();
  });

  it('a server that is not there, and one that does not answer', async () => {
    const { origin } = await serve(() => undefined);
    await expect(askServer(`${origin}/clip.mp4`, undefined, 100)).rejects.toEqual(unreadable('no answer within 0.1 s'));
    const stop = AbortSignal.timeout(100);
    await expect(openVideo(`${origin}/clip.mp4`, { signal: stop })).rejects.toMatchObject({ code: 'INTERRUPTED' });
    await expect(openVideo('http://127.0.0.1:1/clip.mp4')).rejects.toEqual(unreadable('cannot be reached'));
    await expect(isLive('http://a b/')).rejects.toMatchObject({ code: 'VIDEO_UNREADABLE' });
  });

  it('an ffmpeg of 2018 is not let near it', async () => {
    const { ffmpeg, ffprobe } = await findBinaries();
    const old: Binaries = {
      ffmpeg: { ...ffmpeg, source: '@ffmpeg-installer/ffmpeg', major: 4, year: 2018 },
      ffprobe,
      passedOver: [],
    };
    const { origin, requests } = await serve(asWhole(Buffer.alloc(9)));
    vi.stubEnv('EBM_TRACKER_OLD_FFMPEG', undefined);
    onTestFinished(() => void vi.unstubAllEnvs());
    await expect(openVideo(`${origin}/clip.mp4`, { binaries: old })).rejects.toMatchObject({ code: 'FFMPEG_OLD' });
    await expect(openLive('rtsp://127.0.0.1:1/', { binaries: old })).rejects.toMatchObject({ code: 'FFMPEG_OLD' });
    expect(requests).toEqual([]);
  });
});

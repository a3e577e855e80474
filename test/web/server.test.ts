import { createReadStream, createWriteStream } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { execFileSync } from 'node:child_process';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { FastifyInstance } from 'fastify';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { formatHead, formatRow, parseBoxes } from '../../src/io/boxes.js';
import { FORMAT_NAMES, parseTracks } from '../../src/io/tracks.js';
import type { FileList, VideoEvent, VideoOpened } from '../../src/web/messages.js';
import type { PickedBox } from '../../src/web/routes.js';
import { createServer, type WebOptions } from '../../src/web/server.js';
import { listen } from '../../src/web/listen.js';
import type { PooledTracker } from '../../src/web/track-objects.js';
import { asWhole, inParts, serve as serveHttp, unmeasured } from '../helpers/http.js';
import { flat, makeGif } from '../helpers/pictures.js';
import {
  makeNumberedVideo,
  numberOf,
  ownTemporaryFolder,
  runFfmpeg,
  streamsIn,
  temporaryFolder,
} from '../helpers/video.js';

const BOX = { x: 10, y: 8, w: 12, h: 10 };
const HEADERS = { host: '127.0.0.1:8642' };

/** Stays where it is. */
const stillTracker = async (): Promise<PooledTracker> => ({
  init: async (_, boxes) => boxes.map((box) => ({ box, confidence: 1, state: 'tracking' })),
  update: async () => [{ box: BOX, confidence: 0.5, state: 'uncertain' }],
  release: async () => undefined,
});

/** Made once, and copied for each test. */
let template: string;
beforeAll(async () => {
  template = await mkdtemp(path.join(tmpdir(), 'ebm-tracker-server-'));
  await makeTemplate(template);
});
afterAll(() => rm(template, { recursive: true }));

/** ROOT/clip.mp4, ROOT/img/*.png, and beside ROOT a secret that links lead to. */
async function makeRoot(): Promise<{ root: string; outside: string }> {
  const folder = await temporaryFolder();
  await cp(template, folder, { recursive: true });
  return { root: path.join(folder, 'root'), outside: path.join(folder, 'outside') };
}

async function makeTemplate(folder: string): Promise<void> {
  const [root, outside] = [path.join(folder, 'root'), path.join(folder, 'outside')];
  await mkdir(path.join(root, 'img'), { recursive: true });
  await mkdir(outside);
  await makeNumberedVideo(path.join(root, 'clip.mp4'), { frames: 12 });
  await makeNumberedVideo(path.join(outside, 'secret.mp4'), { frames: 3 });
  const image = sharp({ create: { width: 20, height: 16, channels: 3, background: '#808080' } }).png();
  for (const name of ['1.png', '2.png']) await image.toFile(path.join(root, 'img', name));
  await image.toFile(path.join(outside, 'secret.png'));
  await writeFile(path.join(root, 'notes.txt'), 'not a video');
  await writeFile(path.join(root, 'list.m3u8'), '#EXTM3U');
}

async function start(
  options: Partial<WebOptions> = {},
): Promise<{ server: FastifyInstance; root: string; outside: string }> {
  const { root, outside } = await makeRoot();
  const server = await createServer({ root, openTracker: stillTracker, ...options });
  onTestFinished(() => server.close());
  return { server, root, outside };
}

type Answer = Awaited<ReturnType<FastifyInstance['inject']>>;

const post = (server: FastifyInstance, url: string, payload: object = {}): Promise<Answer> =>
  server.inject({ method: 'POST', url, payload, headers: HEADERS });
const get = (server: FastifyInstance, url: string, headers: Record<string, string> = {}): Promise<Answer> =>
  server.inject({ url, headers: { ...HEADERS, ...headers } });
const openVideo = async (server: FastifyInstance, name: string): Promise<VideoOpened> =>
  (await post(server, '/api/videos', { path: name })).json<VideoOpened>();

describe('a video that lies in no folder', () => {
  const FRAMES = 12;

  async function clip(): Promise<string> {
    const file = path.join(await temporaryFolder(), 'clip.mp4');
    await makeNumberedVideo(file, { frames: FRAMES });
    return file;
  }

  /** The page opens it by the name that the session tells, and sees each frame. */
  async function lookAt(root: string, name: string): Promise<void> {
    const server = await createServer({ root, openTracker: stillTracker });
    try {
      expect((await get(server, '/api/session')).json()).toMatchObject({ mode: 'serve', video: name });
      expect((await get(server, '/api/files')).json<FileList>().files.map((file) => file.path)).toEqual([name]);
      const { id } = await openVideo(server, name);
      for (const frame of [FRAMES - 1, 0, 5]) {
        const { rawPayload } = await get(server, `/api/videos/${id}/frames/${frame}`);
        const { data, info } = await sharp(rawPayload).raw().toBuffer({ resolveWithObject: true });
        expect(numberOf({ data, width: info.width, height: info.height, index: 0, time: 0 })).toBe(frame);
      }
      const beyond = await get(server, `/api/videos/${id}/frames/${FRAMES}`);
      expect(beyond.body).not.toContain('token');
      expect((await post(server, '/api/videos', { path: 'other.mp4' })).statusCode).toBe(404);
    } finally {
      await server.close();
    }
  }

  it('behind an address, in parts or as a whole', async () => {
    const temporary = await ownTemporaryFolder();
    const bytes = await readFile(await clip());
    for (const answer of [inParts(bytes), asWhole(bytes)]) {
      const { origin } = await serveHttp(answer);
      await lookAt(`${origin}/a/clip.mp4?token=abc`, 'clip.mp4');
    }
    expect(await streamsIn(temporary)).toEqual([]);
  });

  it.skipIf(process.platform === 'win32')('in a pipe', async () => {
    const temporary = await ownTemporaryFolder();
    const pipe = path.join(await temporaryFolder(), 'pipe');
    execFileSync('mkfifo', [pipe]);
    void pipeline(createReadStream(await clip()), createWriteStream(pipe)).catch(() => undefined);
    await lookAt(pipe, 'pipe');
    expect(await streamsIn(temporary)).toEqual([]);
  });

  it('that is live is refused', async () => {
    const { origin } = await serveHttp(unmeasured(Buffer.from('--x'), 'multipart/x-mixed-replace; boundary=x'));
    for (const root of [`${origin}/live`, 'rtsp://127.0.0.1:1/', 'camera:0']) {
      const code = expect.objectContaining({ code: 'OPTION_INVALID' }) as object;
      await expect(createServer({ root, openTracker: stillTracker })).rejects.toEqual(code);
    }
  });
});

describe('the files under the root', () => {
  it('are listed: videos and folders of images, nothing else and nothing that a link leads to', async () => {
    const { server, root, outside } = await start();
    await symlink(path.join(outside, 'secret.mp4'), path.join(root, 'link.mp4'));
    await symlink(outside, path.join(root, 'linked'));
    await mkdir(path.join(root, '.hidden'));
    await writeFile(path.join(root, '.hidden', 'a.mp4'), '');
    const { files, more } = (await get(server, '/api/files')).json<FileList>();
    expect(files.map(({ path, kind }) => [path, kind])).toEqual([
      ['clip.mp4', 'video'],
      ['img', 'images'],
    ]);
    expect(more).toBe(false);
  });

  it('are opened, and the same one once only', async () => {
    const { server } = await start();
    const video = await openVideo(server, 'clip.mp4');
    expect(video).toMatchObject({ path: 'clip.mp4', width: 64, height: 48, fps: 25, frames: 12 });
    expect((await openVideo(server, './img/../clip.mp4')).id).toBe(video.id);
    expect(await openVideo(server, 'img')).toMatchObject({ width: 20, height: 16, frames: 2 });
  });

  it.each([
    '../outside/secret.mp4',
    'img/../../outside/secret.mp4',
    '/etc/passwd',
    '..',
    'link.mp4',
    'linked/secret.mp4',
    'linked',
    'notes.txt',
    'list.m3u8',
    'none.mp4',
    'clip.mp4\0.mp4',
    '',
    '.',
  ])('and no others: %s', async (asked) => {
    const { server, root, outside } = await start();
    await symlink(path.join(outside, 'secret.mp4'), path.join(root, 'link.mp4'));
    await symlink(outside, path.join(root, 'linked'));
    const answer = await post(server, '/api/videos', { path: asked });
    expect([answer.statusCode, answer.json<{ code: string }>().code]).toEqual([404, 'INPUT_NOT_FOUND']);
    expect(answer.body).not.toContain(path.dirname(root));
  });

  it('an absolute path is none, even one of the outside that exists', async () => {
    const { server, outside } = await start();
    const answer = await post(server, '/api/videos', { path: path.join(outside, 'secret.mp4') });
    expect(answer.statusCode).toBe(404);
  });

  it('an image that is a link out of the root is not shown, and the others keep their numbers', async () => {
    const { server, root, outside } = await start();
    await symlink(path.join(outside, 'secret.png'), path.join(root, 'img', '1a.png'));
    await symlink('2.png', path.join(root, 'img', '3.png'));
    const { id, frames } = await openVideo(server, 'img');
    expect(frames).toBe(4);
    const statusOf = async (frame: number): Promise<number> =>
      (await get(server, `/api/videos/${id}/frames/${frame}`)).statusCode;
    expect([await statusOf(0), await statusOf(1), await statusOf(2), await statusOf(3)]).toEqual([200, 404, 200, 200]);
  });

  it('a folder of links out of the root is none', async () => {
    const { server, root, outside } = await start();
    await mkdir(path.join(root, 'out'));
    await symlink(path.join(outside, 'secret.png'), path.join(root, 'out', '1.png'));
    expect((await post(server, '/api/videos', { path: 'out' })).statusCode).toBe(404);
    expect((await get(server, '/api/files')).json<FileList>().files.map((file) => file.path)).not.toContain('out');
  });

  it('are image files with several pictures too, and folders whose images are links', async () => {
    const { server, root } = await start();
    const gif = makeGif({ width: 20, height: 16 }, [flat(20, 16, [9, 9, 9]), flat(20, 16, [90, 9, 9])]);
    for (const name of ['a.gif', 'img/b.gif']) await writeFile(path.join(root, name), gif);
    await mkdir(path.join(root, 'alone'));
    await writeFile(path.join(root, 'alone', 'c.gif'), gif);
    await mkdir(path.join(root, 'links'));
    await symlink('../img/1.png', path.join(root, 'links', '1.png'));
    for (const name of ['._1.png', '.DS_Store']) await writeFile(path.join(root, 'links', name), 'no image');
    await mkdir(path.join(root, 'links', '2.png'));
    await symlink('..', path.join(root, 'links', 'loop'));
    const { files } = (await get(server, '/api/files')).json<FileList>();
    expect(files.map(({ path: name, kind }) => [name, kind])).toEqual([
      ['a.gif', 'video'],
      ['alone/c.gif', 'video'],
      ['clip.mp4', 'video'],
      ['img', 'images'],
      ['img/b.gif', 'video'],
      ['links', 'images'],
    ]);
    expect(await openVideo(server, 'a.gif')).toMatchObject({ width: 20, height: 16, frames: 2, fps: 25 });
    expect(await openVideo(server, 'links')).toMatchObject({ frames: 1 });
    expect(await openVideo(server, 'img')).toMatchObject({ frames: 4 });
    expect((await post(server, '/api/videos', { path: 'img/1.png' })).statusCode).toBe(404);
  });

  it.each(['*.png', '%d.png'])('are those of a pattern that was named, and no others: %s', async (pattern) => {
    const { root, outside } = await makeRoot();
    await symlink(path.join(outside, 'secret.png'), path.join(root, 'img', '3.png'));
    await writeFile(path.join(root, 'img', '._1.png'), 'no image');
    const server = await createServer({ root: path.join(root, 'img', pattern), openTracker: stillTracker });
    onTestFinished(() => server.close());
    expect((await get(server, '/api/session')).json()).toMatchObject({ mode: 'serve', video: pattern });
    expect((await get(server, '/api/files')).json<FileList>().files).toEqual([
      { path: pattern, kind: 'images', size: 3 },
    ]);
    const { id, frames } = await openVideo(server, pattern);
    expect(frames).toBe(3);
    expect((await get(server, `/api/videos/${id}/frames/1`)).statusCode).toBe(200);
    expect((await get(server, `/api/videos/${id}/frames/2`)).statusCode).toBe(404);
    expect((await post(server, '/api/videos', { path: '1.png' })).statusCode).toBe(404);
  });

  it('where a video was named, it is the only one', async () => {
    const { root } = await makeRoot();
    await makeNumberedVideo(path.join(root, 'other.mp4'), { frames: 3 });
    const server = await createServer({ root: path.join(root, 'clip.mp4'), openTracker: stillTracker });
    onTestFinished(() => server.close());
    expect((await get(server, '/api/session')).json()).toMatchObject({ mode: 'serve', video: 'clip.mp4' });
    expect((await get(server, '/api/files')).json<FileList>().files).toHaveLength(1);
    expect((await post(server, '/api/videos', { path: 'other.mp4' })).statusCode).toBe(404);
    expect((await post(server, '/api/videos', { path: 'clip.mp4' })).statusCode).toBe(200);
  });

  it('that are damaged say so, without the place of the folder', async () => {
    const { server, root } = await start();
    await writeFile(path.join(root, 'broken.mp4'), 'no video');
    const answer = await post(server, '/api/videos', { path: 'broken.mp4' });
    expect([answer.statusCode, answer.json<{ code: string }>().code]).toEqual([422, 'VIDEO_UNREADABLE']);
    expect(answer.body).not.toContain(root);
  });
});

describe('what is no whole request', () => {
  const ask = async (
    bytes: string,
  ): Promise<{ head: string; refusal: { code: string; message: string; hint: string } }> => {
    const { root } = await makeRoot();
    const server = await listen({ root, openTracker: stillTracker, port: 0 });
    onTestFinished(() => server.close());
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
    socket.write(bytes.replaceAll('\n', '\r\n'));
    const chunks: Buffer[] = [];
    for await (const chunk of socket) chunks.push(chunk as Buffer);
    const [head = '', body = ''] = Buffer.concat(chunks).toString().split('\r\n\r\n');
    return {
      head: head.split('\r\n')[0]!,
      refusal: JSON.parse(body) as { code: string; message: string; hint: string },
    };
  };

  it.each([
    ['no HTTP', 'FOO\n\n', 'HTTP/1.1 400 Bad Request', 'REQUEST_INVALID', 'no HTTP'],
    [
      'a head that is too long',
      `GET / HTTP/1.1\nHost: localhost\nLong: ${'a'.repeat(20_000)}\n\n`,
      'HTTP/1.1 431 Request Header Fields Too Large',
      'REQUEST_INVALID',
      'too long',
    ],
    [
      'an address that is none',
      'GET /%zz HTTP/1.1\nHost: localhost\nConnection: close\n\n',
      'HTTP/1.1 400 Bad Request',
      'REQUEST_INVALID',
      '%zz',
    ],
    [
      'an expectation',
      'GET / HTTP/1.1\nHost: localhost\nExpect: wonders\n\n',
      'HTTP/1.1 417 Expectation Failed',
      'REQUEST_INVALID',
      'expects',
    ],
    ['no host', 'GET / HTTP/1.1\nConnection: close\n\n', 'HTTP/1.1 403 Forbidden', 'ORIGIN_REFUSED', 'another host'],
  ])('is refused in words: %s', async (_, bytes, head, code, message) => {
    const answer = await ask(bytes);
    expect(answer).toMatchObject({ head, refusal: { code, message: expect.stringContaining(message) as string } });
    expect(answer.refusal.hint).not.toBe('');
  });
});

describe('who may ask', () => {
  it.each([
    ['a name that was made to point here', { host: 'evil.example:8642' }, 403],
    ['a name that begins like ours', { host: 'localhost.evil.example' }, 403],
    ['another page', { origin: 'http://evil.example' }, 403],
    ['another port of this machine', { origin: 'http://127.0.0.1:9999' }, 403],
    ['a page without an origin of its own', { origin: 'null' }, 403],
    ['a picture in another page', { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' }, 403],
    ['the page itself', { origin: 'http://127.0.0.1:8642', 'sec-fetch-site': 'same-origin' }, 200],
    ['localhost', { host: 'localhost:8642' }, 200],
    ['IPv6', { host: '[::1]:8642' }, 200],
  ])('%s: %o -> %i', async (_, headers: Record<string, string>, status) => {
    const { server } = await start();
    expect((await get(server, '/api/session', headers)).statusCode).toBe(status);
  });

  it('a link in another page may open the page, and nothing else', async () => {
    const { server } = await start({ pageFolder: await temporaryFolder() });
    const link = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' };
    expect((await get(server, '/', link)).statusCode).toBe(500); // not built, but let in
    expect((await get(server, '/api/files', link)).statusCode).toBe(403);
  });

  it('beyond loopback only who has the token', async () => {
    const { server } = await start({ token: 'abc123' });
    const host = { host: '192.0.2.7:8642' };
    const status = async (url: string, headers: Record<string, string> = {}): Promise<number> =>
      (await get(server, url, { ...host, ...headers })).statusCode;
    expect(await status('/api/session')).toBe(401);
    expect(await status('/?token=abc124')).toBe(401);
    expect(await status('/api/session?token=abc123')).toBe(401);
    expect(await status('/api/session', { authorization: 'Bearer abc12' })).toBe(401);
    expect(await status('/api/session', { authorization: 'Bearer abc123' })).toBe(200);
    expect(await status('/api/session', { cookie: 'ebm-tracker-8642=abc123' })).toBe(200);
    expect(await status('/api/session', { cookie: 'ebm-tracker-1=abc123' })).toBe(401);
    const foreign = { cookie: 'ebm-tracker-8642=abc123', origin: 'http://evil.example' };
    expect(await status('/api/session', foreign)).toBe(403);
    const opened = await get(server, '/?token=abc123', host);
    expect([opened.statusCode, opened.headers.location]).toEqual([302, '/']);
    expect(opened.headers['set-cookie']).toBe('ebm-tracker-8642=abc123; HttpOnly; SameSite=Strict; Path=/');
  });

  it('--host makes a token of its own, loopback needs none', async () => {
    const { root } = await makeRoot();
    const options = { root, openTracker: stillTracker, port: 0 };
    const [plain, open, again] = [
      await listen(options),
      await listen({ ...options, host: '127.0.0.1' }),
      await listen({ ...options, host: '127.0.0.1' }),
    ];
    onTestFinished(() => Promise.all([plain, open, again].map((one) => one.close())).then(() => undefined));
    expect(plain.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/$/);
    expect(open.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/\?token=[\w-]{22}$/);
    expect(new URL(again.url).search).not.toBe(new URL(open.url).search);
    expect((await fetch(new URL('/api/session', plain.url))).status).toBe(200);
    expect((await fetch(new URL('/api/session', open.url))).status).toBe(401);
  });

  it('a port that is taken: SERVER_FAILED', async () => {
    const { root } = await makeRoot();
    const first = await listen({ root, openTracker: stillTracker, port: 0 });
    onTestFinished(() => first.close());
    const port = Number(new URL(first.url).port);
    await expect(listen({ root, openTracker: stillTracker, port })).rejects.toMatchObject({ code: 'SERVER_FAILED' });
  });

  it('every answer forbids foreign scripts, frames and sniffing', async () => {
    const { server } = await start();
    for (const url of ['/api/session', '/none']) {
      const { headers } = await get(server, url);
      expect(headers['content-security-policy']).toContain("default-src 'none'");
      expect(headers['content-security-policy']).toContain("frame-ancestors 'none'");
      expect(headers['x-content-type-options']).toBe('nosniff');
    }
  });
});

describe('limits', () => {
  it('a body that is too large, no JSON, or of another shape', async () => {
    const { server } = await start();
    const { id } = await openVideo(server, 'clip.mp4');
    const boxes = `/api/videos/${id}/boxes`;
    expect((await post(server, boxes, { frame: 0, box: BOX, more: 'x'.repeat(20_000) })).statusCode).toBe(413);
    const headers = { ...HEADERS, 'content-type': 'application/json' };
    const broken = await server.inject({ method: 'POST', url: boxes, payload: '{"frame":', headers });
    expect(broken.statusCode).toBe(400);
    for (const body of [
      {},
      { frame: -1, box: BOX },
      { frame: 0.5, box: BOX },
      { frame: 0, box: { ...BOX, x: null } },
      { frame: 0, box: { ...BOX, x: '1' } },
      { frame: 0, box: BOX, extra: 1 },
      { frame: 1e12, box: BOX },
    ]) {
      const answer = await post(server, boxes, body);
      expect([answer.statusCode, answer.json<{ code: string }>().code]).toEqual([400, 'REQUEST_INVALID']);
    }
    const outside = await post(server, boxes, { frame: 0, box: { ...BOX, x: 900 } });
    expect([outside.statusCode, outside.json<{ code: string }>().code]).toEqual([400, 'BOX_INVALID']);
  });

  it.each([
    ['frames/12', 404],
    ['frames/-1', 400],
    ['frames/x', 400],
    ['frames/1e99', 400],
    ['export?format=exe', 400],
    ['export', 400],
  ])('%s -> %i', async (rest, status) => {
    const { server } = await start();
    const { id } = await openVideo(server, 'clip.mp4');
    expect((await get(server, `/api/videos/${id}/${rest}`)).statusCode).toBe(status);
  });

  it('a video that is not open', async () => {
    const { server } = await start();
    expect((await get(server, '/api/videos/6f6e6500-0000-4000-8000-000000000000/frames/0')).statusCode).toBe(404);
    expect((await get(server, '/api/videos/1/frames/0')).statusCode).toBe(400);
    expect((await get(server, '/api/nothing')).statusCode).toBe(404);
  });

  it('eight videos are open at most; the one that nobody uses makes room', async () => {
    const { server, root } = await start();
    for (let i = 0; i < 9; i++) {
      await mkdir(path.join(root, `f${i}`));
      await sharp({ create: { width: 20, height: 16, channels: 3, background: '#808080' } })
        .png()
        .toFile(path.join(root, `f${i}`, '1.png'));
    }
    const opened: VideoOpened[] = [];
    for (let i = 0; i < 8; i++) opened.push(await openVideo(server, `f${i}`));
    const drawIn = (id: string): Promise<Answer> => post(server, `/api/videos/${id}/boxes`, { frame: 0, box: BOX });
    for (const { id } of opened.slice(1)) await drawIn(id);
    const ninth = await openVideo(server, 'f8');
    expect((await get(server, `/api/videos/${opened[0]!.id}/frames/0`)).statusCode).toBe(404);
    await drawIn(ninth.id);
    const answer = await post(server, '/api/videos', { path: 'f0' });
    expect([answer.statusCode, answer.json<{ code: string }>().code]).toEqual([400, 'OPTION_INVALID']);
  });
});

describe('a video', () => {
  it('gives its frames as JPEG, large ones made smaller', async () => {
    const { server, root } = await start();
    const { id } = await openVideo(server, 'clip.mp4');
    const { rawPayload, headers } = await get(server, `/api/videos/${id}/frames/7`);
    expect(headers['content-type']).toBe('image/jpeg');
    const { data, info } = await sharp(rawPayload).raw().toBuffer({ resolveWithObject: true });
    expect([info.width, info.height]).toEqual([64, 48]);
    expect(numberOf({ data, width: 64, height: 48, index: 0, time: 0 })).toBe(7);
    await runFfmpeg(['-f', 'lavfi', '-i', 'testsrc=s=2560x1440', '-frames:v', '1', path.join(root, 'large.mp4')]);
    const large = await openVideo(server, 'large.mp4');
    const picture = await get(server, `/api/videos/${large.id}/frames/0`);
    expect(await sharp(picture.rawPayload).metadata()).toMatchObject({ width: 1920, height: 1080 });
    expect([large.width, large.height]).toEqual([2560, 1440]);
  });

  it('is tracked beside another one, after its page was closed, and exported', async () => {
    const { root } = await makeRoot();
    const server = await listen({ root, openTracker: stillTracker, port: 0 });
    onTestFinished(() => server.close());
    const send = async <T>(url: string, body: object): Promise<T> => {
      const headers = { 'content-type': 'application/json' };
      const answer = await fetch(new URL(url, server.url), { method: 'POST', headers, body: JSON.stringify(body) });
      expect(answer.status).toBe(200);
      return (await answer.json()) as T;
    };
    const ids: string[] = [];
    for (const name of ['clip.mp4', 'img']) {
      const { id } = await send<VideoOpened>('/api/videos', { path: name });
      ids.push(id);
      const page = new AbortController();
      const events = await fetch(new URL(`/api/videos/${id}/events`, server.url), { signal: page.signal });
      expect(events.headers.get('content-type')).toContain('text/event-stream');
      expect(events.headers.get('content-security-policy')).toContain("default-src 'none'");
      const head = await fetch(new URL(`/api/videos/${id}/events`, server.url), {
        method: 'HEAD',
        signal: page.signal,
      });
      expect([head.status, await head.text()]).toEqual([200, '']);
      const { value } = await events.body!.getReader().read();
      // a second event may have come with it
      const [event] = new TextDecoder().decode(value).split('\n\n');
      const first = JSON.parse(event!.replace(/^data: /, '')) as VideoEvent;
      expect(first).toMatchObject({ type: 'snapshot', objects: [] });
      await send(`/api/videos/${id}/boxes`, { frame: 0, box: BOX });
      await send(`/api/videos/${id}/start`, {});
      page.abort();
    }
    const text = async (id: string, format: string): Promise<string> =>
      (await fetch(new URL(`/api/videos/${id}/export?format=${format}`, server.url))).text();
    await expect.poll(() => text(ids[0]!, 'csv').then((csv) => csv.split('\n').length)).toBe(14);
    await expect.poll(() => text(ids[1]!, 'csv').then((csv) => csv.split('\n').length)).toBe(4);
    // the very file that `track` writes
    const rows = parseBoxes(await text(ids[0]!, 'csv'), 'csv', 'export');
    const written = (format: 'csv' | 'jsonl'): string =>
      formatHead(format) + rows.map((row) => formatRow(row, format)).join('');
    expect(rows[0]).toEqual({ frame: 0, time: 0, box: BOX, confidence: 1, state: 'tracking' });
    expect(rows[11]).toEqual({ frame: 11, time: 0.44, box: BOX, confidence: 0.5, state: 'uncertain' });
    expect(await text(ids[0]!, 'csv')).toBe(written('csv'));
    expect(await text(ids[0]!, 'jsonl')).toBe(written('jsonl'));
  });

  it('with several objects has their numbers in the files', async () => {
    const { server } = await start();
    const { id } = await openVideo(server, 'clip.mp4');
    for (let i = 0; i < 2; i++) await post(server, `/api/videos/${id}/boxes`, { frame: 0, box: BOX });
    const file = await get(server, `/api/videos/${id}/export?format=csv`);
    expect(file.headers['content-disposition']).toBe("attachment; filename*=UTF-8''clip.csv");
    expect(file.body.split('\n').map((line) => line.split(',').slice(0, 3))).toEqual([
      ['frame', 'time', 'id'],
      ['0', '0', '1'],
      ['0', '0', '2'],
      [''],
    ]);
    const lines = (await get(server, `/api/videos/${id}/export?format=jsonl`)).body.trimEnd().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { id: number }).id)).toEqual([1, 2]);
    expect(
      (await server.inject({ method: 'DELETE', url: `/api/videos/${id}/objects/1`, headers: HEADERS })).statusCode,
    ).toBe(200);
    expect(
      (await server.inject({ method: 'DELETE', url: `/api/videos/${id}/objects/1`, headers: HEADERS })).statusCode,
    ).toBe(400);
    expect((await post(server, `/api/videos/${id}/undo`)).json()).toEqual({ undone: true });
  });
});

describe('formats', () => {
  it('every one that the page offers is exported, and is read back with the same boxes', async () => {
    const { server } = await start();
    const { id } = await openVideo(server, 'clip.mp4');
    await post(server, `/api/videos/${id}/boxes`, { frame: 0, box: BOX });
    const { formats } = (await get(server, '/api/session')).json() as { formats: { name: string }[] };
    expect(formats.map(({ name }) => name)).toEqual([...FORMAT_NAMES, 'mp4']);
    for (const name of FORMAT_NAMES) {
      const file = await get(server, `/api/videos/${id}/export?format=${name}`);
      expect(file.statusCode, name).toBe(200);
      const rows = parseTracks(file.body, name, { name: 'clip', width: 64, height: 48, fps: 25 }, name);
      // CVAT says in the frame after it that the object is out of sight
      expect(
        rows.filter(({ state }) => state !== 'lost'),
        name,
      ).toHaveLength(1);
      expect(rows[0], name).toMatchObject({ id: 1, frame: 0 });
    }
    const video = await get(server, `/api/videos/${id}/export?format=mp4`);
    expect(video.rawPayload.subarray(4, 8).toString()).toBe('ftyp');
  });
});

describe('picking', () => {
  it('gives the box, clipped, once', async () => {
    const picked: PickedBox[] = [];
    const { server } = await start({ root: (await makeRoot()).root + '/clip.mp4', onPick: (box) => picked.push(box) });
    expect((await get(server, '/api/session')).json()).toMatchObject({ mode: 'pick', video: 'clip.mp4' });
    expect((await post(server, '/api/pick', { frame: 0, box: { ...BOX, w: 0 } })).statusCode).toBe(400);
    expect(picked).toEqual([]);
    expect((await post(server, '/api/pick', { frame: 3, box: { x: 60, y: 8, w: 12, h: 10 } })).statusCode).toBe(200);
    expect(picked).toEqual([{ frame: 3, box: { x: 60, y: 8, w: 4, h: 10 } }]);
  });

  it('is not there otherwise', async () => {
    const { server } = await start();
    expect((await post(server, '/api/pick', { frame: 0, box: BOX })).statusCode).toBe(404);
  });
});

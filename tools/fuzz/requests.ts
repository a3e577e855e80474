/* oxlint-disable max-lines -- requests, and what their answers may be, are one thing */
/** Requests to the server of the page: some good ones, most of them damaged, from strangers, or cut. */
import { copyFile, mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createRandom, type Random } from '../../src/random.js';
import { listen } from '../../src/web/listen.js';
import type { PooledTracker } from '../../src/web/track-objects.js';
import { baseImage, baseVideo, type Folders } from './files.js';
import { send, type Answer } from './http.js';
import { damageBytes, damageText, NUMBERS, pick } from './mutate.js';

/** Made before the server runs: VIDEO, PORT and TOKEN stand for what only it knows. */
interface Request {
  method: string;
  url: string;
  readonly headers: [name: string, value: string][];
  body: string;
  /** Is put about it when it is sent: length, or chunks. */
  framing: 'length' | 'chunked' | 'none';
  /** Nobody but the page may have this answered. */
  refused: boolean;
  /** No whole request: there may be no answer. */
  broken: boolean;
  cutAfter?: number;
  /** The last step: of the bytes. */
  damage?: (bytes: Uint8Array) => Uint8Array;
}

interface Place {
  readonly root: string;
  readonly page: string;
}

/** Stands in every file that the server must not give out. */
const SECRET = 'NOT-FOR-THE-PAGE';
/** Width of the video that lies outside the root. */
const SECRET_WIDTH = 33;
const PATIENCE_MS = 60_000;
/** For an answer to what is no whole request. */
const BROKEN_MS = 400;

export async function requests(
  random: Random,
  folders: Folders,
): Promise<{ what: string; run: () => Promise<string[]> }> {
  const place = await makePlace(folders);
  const mode = pick(random, ['loopback', 'token', 'pick'] as const);
  const opened = random.uniform() < 0.7;
  const list = Array.from({ length: 1 + random.integer(8) }, () => makeRequest(random, mode === 'token'));
  const together = random.uniform() < 0.4;
  const what = `${mode}${opened ? ', a video open' : ''}${together ? ', all at once' : ''}: ${list.map(told).join(' | ')}`;
  return {
    what,
    async run() {
      const server = await listen({
        root: place.root,
        pageFolder: place.page,
        openTracker: stillTracker,
        port: 0,
        ...(mode === 'token' ? { host: '127.0.0.1' } : {}),
        ...(mode === 'pick' ? { onPick: () => undefined } : {}),
      });
      const url = new URL(server.url);
      const known = { port: Number(url.port), token: url.searchParams.get('token') ?? '', video: NO_VIDEO };
      const faults: string[] = [];
      if (opened) known.video = await openVideo(known, faults);
      const ask = async (request: Request): Promise<void> => {
        const answer = await send(known.port, bytesOf(request, known), {
          cutAfter: request.cutAfter,
          patience: request.broken ? BROKEN_MS : PATIENCE_MS,
        });
        for (const fault of faultsOf(request, answer, folders)) faults.push(`${fault}, of ${told(request)}`);
      };
      if (together) await Promise.all(list.map(ask));
      else for (const request of list) await ask(request);
      const after = await send(known.port, bytesOf(good('GET', '/api/session'), known), { patience: PATIENCE_MS });
      if (after.status !== 200) faults.push(`a good request at the end: ${after.status} ${after.body.slice(0, 200)}`);
      await server.close();
      await filesGone();
      return faults;
    },
  };
}

/** ROOT/clip.mp4, ROOT/img, links out of ROOT, and what lies outside. */
async function makePlace({ base, input }: Folders): Promise<Place> {
  const [root, outside, page] = ['root', 'outside', 'page'].map((name) => path.join(input, name)) as [
    string,
    string,
    string,
  ];
  for (const folder of [path.join(root, 'img'), outside, page]) await mkdir(folder, { recursive: true });
  await copyFile(await baseVideo(base, 'plain.mp4'), path.join(root, 'clip.mp4'));
  for (const name of ['1.png', '2.png'])
    await copyFile(await baseImage(base, [160, 120]), path.join(root, 'img', name));
  await copyFile(await baseVideo(base, 'odd.avi'), path.join(outside, 'secret.avi'));
  for (const folder of [root, outside]) await writeFile(path.join(folder, 'secret.txt'), SECRET);
  await symlink(path.join(outside, 'secret.avi'), path.join(root, 'link.avi'));
  await symlink(outside, path.join(root, 'linked'));
  for (const name of ['index.html', 'app.js', 'style.css']) await writeFile(path.join(page, name), 'page');
  return { root, page };
}

const stillTracker = async (): Promise<PooledTracker> => {
  let boxes: Parameters<PooledTracker['init']>[1] = [];
  const results: PooledTracker['update'] = async () =>
    boxes.map((box) => ({ box, confidence: 0.5, state: 'uncertain' }));
  return {
    init(frame, given) {
      boxes = given;
      return results(frame);
    },
    update: results,
    release: async () => undefined,
  };
};

interface Known {
  readonly port: number;
  readonly token: string;
  video: string;
}

const NO_VIDEO = '00000000-0000-4000-8000-000000000000';

async function openVideo(known: Known, faults: string[]): Promise<string> {
  const { body } = await send(known.port, bytesOf(good('POST', '/api/videos', '{"path":"clip.mp4"}'), known), {
    patience: PATIENCE_MS,
  });
  const id = /"id":"([^"]+)"/.exec(body)?.[1];
  if (id === undefined) faults.push(`a good video is not opened: ${body.slice(0, 500)}`);
  return id ?? NO_VIDEO;
}

// --- requests ---

const BOX = '{"frame":2,"box":{"x":40,"y":30,"w":32,"h":32},"object":1}';
const GOOD: readonly (readonly [method: string, url: string, body?: string])[] = [
  ['GET', '/'],
  ['GET', '/app.js'],
  ['GET', '/api/session'],
  ['GET', '/api/files'],
  ['POST', '/api/videos', '{"path":"clip.mp4"}'],
  ['POST', '/api/videos', '{"path":"img"}'],
  ['GET', '/api/videos/VIDEO/frames/7'],
  ['GET', '/api/videos/VIDEO/frames/19?near=1'],
  ['GET', '/api/videos/VIDEO/events'],
  ['POST', '/api/videos/VIDEO/boxes', '{"frame":0,"box":{"x":40,"y":30,"w":32,"h":32}}'],
  ['POST', '/api/videos/VIDEO/boxes', BOX],
  ['DELETE', '/api/videos/VIDEO/objects/1'],
  ['POST', '/api/videos/VIDEO/undo'],
  ['POST', '/api/videos/VIDEO/start'],
  ['POST', '/api/videos/VIDEO/stop'],
  ['GET', '/api/videos/VIDEO/export?format=csv'],
  ['GET', '/api/videos/VIDEO/export?format=mp4'],
  ['POST', '/api/pick', '{"frame":3,"box":{"x":40,"y":30,"w":32,"h":32}}'],
];

function good(method: string, url: string, body = ''): Request {
  const headers: [string, string][] = [
    ['Host', '127.0.0.1:PORT'],
    ['Authorization', 'Bearer TOKEN'],
  ];
  if (body !== '') headers.push(['Content-Type', 'application/json']);
  return { method, url, headers, body, framing: body === '' ? 'none' : 'length', refused: false, broken: false };
}

function makeRequest(random: Random, token: boolean): Request {
  const request = good(...pick(random, GOOD));
  const count = random.integer(4);
  for (let i = 0; i < count; i++) pick(random, TWISTS)(random, request, token);
  if (random.uniform() < 0.1) {
    request.broken = true;
    request.cutAfter = random.integer(400);
  }
  return request;
}

type Twist = (random: Random, request: Request, token: boolean) => void;

const OUTSIDE = [
  '../outside/secret.avi',
  '../outside',
  'img/../../outside/secret.avi',
  'link.avi',
  'linked/secret.avi',
  'linked',
  'secret.txt',
  '/etc/passwd',
  '../../../../../../../etc/passwd',
  '..',
  '..\\outside\\secret.avi',
  '%2e%2e/outside/secret.avi',
  '..%2foutside%2fsecret.avi',
  '..%252foutside%252fsecret.avi',
  '..%c0%af..%c0%afetc/passwd',
  '....//outside/secret.avi',
  'file:///etc/passwd',
  'concat:secret.txt|clip.mp4',
  'http://127.0.0.1:PORT/',
  'clip.mp4%00.txt',
  'clip.mp4\\u0000.mp4',
  'root/../clip.mp4/../../outside/secret.avi',
  '/proc/self/environ',
  '',
  '.',
];

const TWISTS: readonly Twist[] = [
  // methods
  (random, request) => {
    request.method = pick(random, 'GET POST PUT PATCH DELETE HEAD OPTIONS TRACE PROPFIND SEARCH'.split(' '));
  },
  (random, request) => {
    request.method = pick(random, ['get', 'FOO', '', 'G E T', 'GET\0', 'CONNECT', 'PRI', 'A'.repeat(9000)]);
    request.broken = true;
  },
  // addresses
  (random, request) => {
    request.url = pick(random, ['/', '/api/', '/api/videos/', '/app.js/../', '']) + pick(random, OUTSIDE);
    if (!request.url.startsWith('/')) request.broken = true;
  },
  (random, request) => {
    request.url = damageText(random, request.url).replaceAll(/[\s\0]/g, '%20');
    request.broken = true;
  },
  (random, request) => {
    const strange = [...NUMBERS, '%', '%zz', '%00', '..', '%2e%2e%2f', 'é', '0'.repeat(500)];
    request.url = request.url.replace(/VIDEO|\d+|csv|mp4/, () => encodeURI(pick(random, strange)));
  },
  (random, request) => {
    request.url += pick(random, ['?', '&', '#']) + pick(random, ['a'.repeat(20_000), '__proto__[a]=1', 'token=', '%']);
    request.broken = true;
  },
  // bodies
  (random, request) => {
    request.body = damageText(random, request.body);
  },
  (random, request) => {
    request.body = request.body.replace(/"clip\.mp4"|"img"/, () => `"${pick(random, OUTSIDE)}"`);
  },
  (random, request) => {
    const values = [...NUMBERS, '"VIDEO"', '{"x":1}', '[[]]', 'true', '-0.0001', '1e308', `"${'9'.repeat(5000)}"`];
    request.body = request.body.replace(/\d+(?=[,}])/, () => pick(random, values));
  },
  (random, request) => {
    const huge = [`{"path":"${'a'.repeat(15_000)}"}`, 'x'.repeat(2 ** 21), `[${'[],'.repeat(50_000)}[]]`];
    const odd = ['{"__proto__":{"path":"clip.mp4"}}', '{"constructor":1}', '[', 'null', '"', '\uFEFF{}', '{"path":1}'];
    request.body = pick(random, [...huge, ...odd, '['.repeat(8000), '{"a":'.repeat(3000)]);
    request.framing = 'length';
  },
  (random, request) => {
    const types = ['text/plain', 'application/xml', 'multipart/form-data', 'application/json; charset=utf-7', ';', ''];
    setHeader(request, 'Content-Type', pick(random, types));
  },
  (random, request) => {
    request.framing = pick(random, ['length', 'chunked'] as const);
  },
  (random, request) => {
    request.framing = 'none';
    const lengths = ['-1', '1e3', '99999999999999999999', '5, 6', '10', 'x', '0x10'];
    request.headers.push(
      random.uniform() < 0.7
        ? ['Content-Length', pick(random, lengths)]
        : ['Transfer-Encoding', pick(random, ['chunked', 'gzip', 'chunked, chunked', 'xchunked'])],
    );
    request.broken = true;
  },
  // who asks
  (random, request, token) => {
    const hosts = ['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example:PORT', '0.0.0.0', '', '[::1', '@'];
    setHeader(request, 'Host', pick(random, hosts));
    if (!token) request.refused = true;
  },
  (random, request) => {
    setHeader(request, 'Origin', pick(random, ['http://other.example', 'null', 'https://127.0.0.1:PORT', '']));
    request.refused = true;
  },
  (random, request) => {
    setHeader(request, 'Sec-Fetch-Site', pick(random, ['cross-site', 'same-site', 'x']));
    request.refused = true;
  },
  (random, request, token) => {
    const wrong = ['Bearer ', 'Bearer x', 'Basic TOKEN', 'Bearer TOKENx', '', `Bearer ${'\u00FF'.repeat(22)}`];
    setHeader(request, 'Authorization', pick(random, wrong));
    request.headers.push([
      'Cookie',
      pick(random, ['ebm-tracker-PORT=', 'ebm-tracker=TOKEN', '=;;=', '%', 'a'.repeat(99)]),
    ]);
    if (token) request.refused = true;
  },
  // the rest
  (random, request) => {
    request.headers.push(
      pick(random, [
        ['Expect', '100-continue'],
        ['Expect', 'wonders'],
        ['Upgrade', 'websocket'],
        ['Range', 'bytes=0-1,5-2'],
        ['X-Forwarded-Host', 'evil.example'],
        ['X-Http-Method-Override', 'DELETE'],
        ['If-None-Match', '*'],
        ['Long', 'a'.repeat(20_000)],
        ['Accept-Encoding', 'x'.repeat(500)],
      ] as [string, string][]),
    );
    // an upgrade that nobody takes, a header that is too long
    request.broken = true;
  },
  (random, request) => {
    request.headers.push(
      pick(random, [
        ['a b', 'c'],
        ['', 'x'],
        ['X', 'a\0b'],
        ['Host', 'other'],
        ['X', 'a\nb'],
      ] as [string, string][]),
    );
    request.broken = true;
  },
  (random, request) => {
    const own = createRandom(random.integer(2 ** 31));
    request.damage = (bytes) => damageBytes(own, bytes);
    request.broken = true;
  },
];

function setHeader({ headers }: Request, name: string, value: string): void {
  const at = headers.findIndex(([known]) => known === name);
  headers.splice(at < 0 ? headers.length : at, 1, [name, value]);
}

function bytesOf(request: Request, { port, token, video }: Known): Uint8Array {
  const fill = (text: string): string =>
    text.replaceAll('PORT', String(port)).replaceAll('TOKEN', token).replaceAll('VIDEO', video);
  const body = Buffer.from(fill(request.body));
  const headers = [...request.headers, ['Connection', 'close']];
  const framing = request.framing === 'none' && body.length > 0 && !request.broken ? 'length' : request.framing;
  if (framing === 'length') headers.push(['Content-Length', String(body.length)]);
  if (framing === 'chunked') headers.push(['Transfer-Encoding', 'chunked']);
  const lines = [`${request.method} ${request.url} HTTP/1.1`, ...headers.map(([name, value]) => `${name}: ${value}`)];
  const parts = framing === 'chunked' ? chunked(body) : [body];
  const bytes = Buffer.concat([Buffer.from(fill(`${lines.join('\r\n')}\r\n\r\n`)), ...parts]);
  return request.damage?.(bytes) ?? bytes;
}

function chunked(body: Buffer): Buffer[] {
  const middle = Math.ceil(body.length / 2);
  const parts = [body.subarray(0, middle), body.subarray(middle)].filter(({ length }) => length > 0);
  const framed = parts.flatMap((part) => [Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from('\r\n')]);
  return [...framed, Buffer.from('0\r\n\r\n')];
}

function told({ method, url, headers, body, framing, cutAfter, damage }: Request): string {
  const short = (text: string): string => (text.length > 200 ? `${text.slice(0, 200)}...` : text);
  const more = headers.slice(1).map(([name, value]) => `${name}: ${value}`);
  const host = headers[0]![1] === '127.0.0.1:PORT' ? [] : [`Host: ${headers[0]![1]}`];
  const notes = [...(cutAfter === undefined ? [] : [`cut after ${cutAfter}`]), ...(damage ? ['bytes damaged'] : [])];
  const parts = [method, url, ...host, ...more, framing, body, ...notes];
  return parts.map((part) => JSON.stringify(short(part)).slice(1, -1)).join(' ; ');
}

// --- answers ---

function faultsOf(request: Request, answer: Answer, { base, input }: Folders): string[] {
  const { status, body, text, ended } = answer;
  const leaks = [SECRET, 'root:x:', `"width":${SECRET_WIDTH},`, base, input].filter((secret) => text.includes(secret));
  const faults = leaks.map((secret) => `the answer holds ${secret}`);
  if (status === 0) {
    if (!request.broken) faults.push(ended ? 'no answer' : 'hangs: no answer');
    return faults;
  }
  if (status >= 200 && status < 300) {
    if (request.refused && !request.damage) faults.push(`${status} to a stranger`);
    return faults;
  }
  if (status < 400 || status >= 500) faults.push(`${status}: ${body.slice(0, 500)}`);
  else if (request.method !== 'HEAD' && !isKind(answer))
    faults.push(`${status} without a clear word: ${text.slice(0, 500)}`);
  return faults;
}

/** What is wrong and what to do about it, in a few words. */
function isKind({ type, body }: Answer): boolean {
  if (!type.startsWith('application/json')) return false;
  try {
    const refusal = JSON.parse(body) as Record<string, unknown>;
    const words = ['code', 'message', 'hint'].map((name) => refusal[name]);
    return (
      words.every((word) => typeof word === 'string' && word !== '' && word.length < 2000) &&
      !/(?<!received )undefined|\[object|Cannot read|FST_/.test(words.join(' '))
    );
  } catch {
    return false;
  }
}

/** An export that nobody waits for any more goes on until it is written, and is removed then. */
async function filesGone(): Promise<void> {
  for (let i = 0; i < 200; i++) {
    if ((await readdir(tmpdir())).length === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Numbered videos that come as streams, whole and cut off: named pipes, stdin, http with and without ranges, files that grow. What each frame shows is known. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { readFile, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Random } from '../../src/random.js';
import { openVideo } from '../../src/video/read.js';
import { asWhole, breaking, inParts, unmeasured, type Answering } from '../../test/helpers/http.js';
import { makeNumberedVideo } from '../../test/helpers/video.js';
import { exists, type Folders } from './files.js';
import type { FuzzCase } from './kinds.js';
import { pick } from './mutate.js';
import { take, type Seen } from './seen.js';

const ROOT = path.join(import.meta.dirname, '../..');
const READER = path.join(import.meta.dirname, 'read-stream.ts');
/** Before cases have one of their own, in which nothing may be left. */
const TEMPORARY = tmpdir();
const FPS = 25;
/** Times are written in milliseconds by some containers. */
const TIME_TOLERANCE = 1.5e-3;

interface Stream {
  /** The file that is sent. */
  readonly file: string;
  readonly bytes: Buffer;
  /** Frames of the whole video. */
  readonly frames: number;
  readonly whole: boolean;
  readonly container: Container;
  /** Bytes after which the sender pauses. */
  readonly pause: number;
}

/** How it comes, read to its end. */
type Way = (stream: Stream, folders: Folders) => Promise<Seen>;

const WAYS: Readonly<Record<string, Way>> = {
  'named pipe': throughPipe,
  'stdin, all of it': (stream) => readByChild(stream, '/dev/stdin'),
  'stdin, live': (stream) => readByChild(stream, '-'),
  'stdin is the file': ({ file }) => childSees(`exec "$@" < '${file}'`, '/dev/stdin'),
  'http in parts': ({ bytes }) => overHttp(inParts(bytes)),
  'http in one piece': ({ bytes }) => overHttp(asWhole(bytes)),
  'http without a length': ({ bytes }) => overHttp(unmeasured(bytes)),
  'http that breaks once': ({ bytes, pause }) => overHttp(breaking(bytes, pause, 1)),
  'a file that grows': whileItGrows,
};

/** Arguments of ffmpeg. */
const CONTAINERS = {
  mp4: [],
  'mp4 that begins with its index': ['-movflags', '+faststart'],
  mkv: [],
  ts: [],
  avi: [],
} as const;
type Container = keyof typeof CONTAINERS;

/** One video of some length, one way. */
export async function streams(random: Random, { base, input, ...folders }: Folders): Promise<FuzzCase> {
  const container = pick(random, Object.keys(CONTAINERS) as Container[]);
  const frames = pick(random, [1, 2, 5, 12, 30, 36]);
  const made = path.join(base, `numbered-${frames}-${container.replaceAll(' ', '-')}.${container.slice(0, 3).trim()}`);
  if (!(await exists(made))) await makeNumberedVideo(made, { frames, output: CONTAINERS[container] });
  const all = await readFile(made);
  const whole = random.uniform() < 0.7;
  const bytes = whole ? all : all.subarray(0, 1 + random.integer(all.length - 1));
  const file = path.join(input, `clip${path.extname(made)}`);
  await writeFile(file, bytes);
  const way = pick(random, Object.keys(WAYS));
  const stream = { file, bytes, frames, whole, container, pause: random.integer(bytes.length) };
  const what = `${way}: ${container}, ${frames} frames, ${bytes.length} of ${all.length} bytes, pause after ${stream.pause}`;
  return { what, run: async () => faultsOf(await WAYS[way]!(stream, { base, input, ...folders }), stream, way) };
}

// --- ways ---

/** The shell opens the pipe and is ended where nobody reads it. */
async function throughPipe({ file, pause }: Stream, { output }: Folders): Promise<Seen> {
  const pipe = path.join(output, 'pipe');
  execFileSync('mkfifo', [pipe]);
  const sender = spawn('sh', ['-c', `exec > '${pipe}'; ${sending(file, pause)}`], { stdio: 'ignore' });
  const seen = await take(() => openVideo(pipe));
  await ended(sender);
  return seen;
}

const sending = (file: string, pause: number): string =>
  `head -c ${pause} '${file}'; sleep 0.1; tail -c +${pause + 1} '${file}'`;

const readByChild = ({ file, pause }: Stream, name: string): Promise<Seen> =>
  childSees(`{ ${sending(file, pause)}; } 2>/dev/null | "$@"`, name);

/** @param line of the shell, in which "$@" is the reader */
async function childSees(line: string, name: string): Promise<Seen> {
  const reader = [process.execPath, '--import', 'tsx', READER, name, tmpdir()];
  const env = { ...process.env, TMPDIR: TEMPORARY };
  const shell = spawn('sh', ['-c', line, 'sh', ...reader], { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let [out, err] = ['', ''];
  shell.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  shell.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  await once(shell, 'close');
  try {
    return JSON.parse(out) as Seen;
  } catch {
    return { frames: [], warnings: [], error: `crash: ${err.slice(-500)}` };
  }
}

async function overHttp(answer: Answering): Promise<Seen> {
  const server = createServer((request, response) => {
    response.on('error', () => undefined);
    answer(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const seen = await take(() => openVideo(`http://127.0.0.1:${(server.address() as AddressInfo).port}/clip`));
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
  return seen;
}

/** It is opened when a part of it is there, and grows while it is read. */
async function whileItGrows({ bytes, pause, file }: Stream): Promise<Seen> {
  await writeFile(file, bytes.subarray(0, pause));
  const seen = take(() => openVideo(file));
  await writeFile(file, bytes.subarray(pause), { flag: 'a' });
  return seen;
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const closed = once(child, 'close');
  child.kill('SIGKILL');
  await closed;
}

// --- comparison ---

/** What tells how long it is meant to be: where one of the others is cut between two frames, nobody can know. */
const KNOWS_ITS_END: readonly Container[] = ['mp4', 'mp4 that begins with its index', 'avi'];

function faultsOf(seen: Seen, { frames, whole, container }: Stream, way: string): string[] {
  const faults: string[] = [];
  const { error, counts, warnings } = seen;
  // such a stream has no place for a length, and no end that anybody could know
  if (way === 'http without a length' && container === 'ts')
    return error === 'OPTION_INVALID' ? [] : [`read as a file: ${error}`];
  const live = way === 'stdin, live';
  const grows = way === 'a file that grows';
  if (error?.startsWith('crash')) return [error];
  for (const { index, time, shows } of seen.frames) {
    // the frame in which a file was cut off is half a frame
    const isLast = !whole && index === seen.frames.at(-1)!.index;
    if (shows !== index && !isLast) faults.push(`frame ${index} shows ${shows}`);
    if (!live && Math.abs(time - index / FPS) > TIME_TOLERANCE) faults.push(`frame ${index} is at ${time} s`);
  }
  const found = live ? (counts?.received ?? 0) : seen.frames.length;
  const inOrder = seen.frames.every(({ index }, i) => (live ? index > (seen.frames[i - 1]?.index ?? -1) : index === i));
  if (!inOrder) faults.push(`frames ${seen.frames.map(({ index }) => index).join()}`);
  if (found > frames) faults.push(`${found} frames, known are ${frames}`);
  if (live && counts && counts.received !== counts.dropped + seen.frames.length)
    faults.push(`${counts.received} came, ${counts.dropped} dropped, ${seen.frames.length} given`);
  if (live && counts && counts.dropped > 0 && warnings.length === 0) faults.push('frames dropped without a word');
  const complete = found === frames;
  // an MP4 whose index comes last is no stream; nor can it be read before it has grown
  const mayFail = !whole || (live && container === 'mp4') || grows;
  if (error !== undefined && !mayFail) faults.push(`error ${error}`);
  if (complete || error !== undefined || grows) return faults;
  if (whole) faults.push(`${found} frames, known are ${frames}`);
  else if (!live && warnings.length === 0 && KNOWS_ITS_END.includes(container))
    faults.push(`${frames - found} frames are missing without a word`);
  return faults;
}

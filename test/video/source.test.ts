import { spawn } from 'node:child_process';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, open, readFile, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openVideo } from '../../src/video/read.js';
import { findSource, isLive, isWindowsDevice, nameOf, notFoundHint } from '../../src/video/source.js';
import { spool } from '../../src/video/spool.js';
import {
  collect,
  cutFile,
  makeNumberedVideo,
  numberOf,
  temporaryFolder,
  ownTemporaryFolder,
  streamsIn,
} from '../helpers/video.js';

const FRAMES = 30;
const ALL = Array.from({ length: FRAMES }, (_, i) => i);

async function numbered(name: string): Promise<string> {
  const file = join(await temporaryFolder(), name);
  await makeNumberedVideo(file, { frames: FRAMES });
  return file;
}

/** A named pipe; what is given is written into it as soon as somebody reads. */
async function pipe(content: Readable): Promise<string> {
  const path = join(await temporaryFolder(), 'pipe');
  await run('mkfifo', [path]);
  void pipeline(content, createWriteStream(path)).catch(() => undefined);
  return path;
}

const run = (program: string, args: readonly string[]): Promise<void> =>
  new Promise((resolve, reject) => {
    spawn(program, args, { stdio: 'inherit' })
      .once('error', reject)
      .once('close', (code) => (code === 0 ? resolve() : reject(new Error(`${program}: ${code}`))));
  });

const failure = (code: string, words = ''): object =>
  expect.objectContaining({ code, message: expect.stringContaining(words) as string });

describe.skipIf(process.platform === 'win32')('a pipe', () => {
  // the MP4 has its description at the end: it cannot be read as it comes
  it.each(['a.mp4', 'a.mkv', 'a.ts', 'a.avi'])('%s: each frame once, in order, then the end', async (name) => {
    const temporary = await ownTemporaryFolder();
    const file = await numbered(name);
    const path = await pipe(createReadStream(file));
    const notes: string[] = [];
    // an old ffmpeg has a note of its own
    const source = await openVideo(path, { onNote: (text) => (/ffmpeg of 20/.test(text) ? 0 : notes.push(text)) });
    expect([source.path, source.width, Math.abs(source.frameCount - FRAMES) <= 1]).toEqual([path, 64, true]);
    const frames = await collect(source);
    expect(frames.map(numberOf)).toEqual(ALL);
    expect(frames.map(({ index }) => index)).toEqual(ALL);
    for (const { index, time } of frames) expect(time).toBeCloseTo(index / 25, 3);
    expect([source.warnings, notes.length]).toEqual([[], 1]);
    expect(await streamsIn(temporary)).toEqual([]);
  });

  it('begins where it is asked to, and ends where the reader stops', async () => {
    const temporary = await ownTemporaryFolder();
    const path = await pipe(createReadStream(await numbered('a.mp4')));
    for await (const frame of (await openVideo(path, { start: { frame: 12 } })).frames()) {
      expect([frame.index, numberOf(frame)]).toEqual([12, 12]);
      break;
    }
    expect(await streamsIn(temporary)).toEqual([]);
  });

  it('names itself, not the temporary file, where it is damaged', async () => {
    const file = await numbered('a.mkv');
    await cutFile(file, 0.5);
    const path = await pipe(createReadStream(file));
    const source = await openVideo(path);
    const frames = await collect(source);
    expect(frames.map(numberOf)).toEqual(ALL.slice(0, frames.length));
    expect(source.warnings.join()).toMatch(new RegExp(`^${path}: damaged or cut off`));
    const text = await pipe(Readable.from(['no video']));
    const opened = openVideo(text);
    await expect(opened).rejects.toEqual(failure('VIDEO_UNREADABLE', `video ${text}:`));
    await expect(opened).rejects.not.toEqual(failure('VIDEO_UNREADABLE', 'ebm-tracker-stream-'));
  });

  it('that is empty, that has no end, and that nobody writes into', async () => {
    const temporary = await ownTemporaryFolder();
    await expect(openVideo(await pipe(Readable.from([])))).rejects.toEqual(failure('VIDEO_UNREADABLE', 'nothing came'));
    const endless = await pipe(
      Readable.from(
        (function* () {
          for (;;) yield Buffer.alloc(2 ** 16);
        })(),
      ),
    );
    const source = await findSource(endless);
    if (source.kind !== 'stream') throw new Error(source.kind);
    await expect(spool(endless, source, { maxBytes: 2 ** 20 })).rejects.toEqual(
      failure('VIDEO_UNREADABLE', 'without an end'),
    );
    const silent = await pipe(new PassThrough());
    const stopped = openVideo(silent, { signal: AbortSignal.timeout(300) });
    await expect(stopped).rejects.toEqual(failure('INTERRUPTED'));
    expect(await streamsIn(temporary)).toEqual([]);
  });

  it('is refused at once where it would be read again', async () => {
    const path = await pipe(createReadStream(await numbered('a.mkv')));
    await expect(openVideo(path, { again: true })).rejects.toEqual(failure('VIDEO_UNREADABLE', 'read once'));
    expect(await collect(await openVideo(path))).toHaveLength(FRAMES);
  });
});

describe.skipIf(process.platform === 'win32')("this process's own files", () => {
  const script = `
    import { openVideo } from ${JSON.stringify(join(import.meta.dirname, '../../src/video/read.ts'))};
    let sum = 0;
    let count = 0;
    for await (const { index } of (await openVideo(process.argv[1])).frames()) { sum += index; count++; }
    console.log(count, sum);`;

  /** @param command what the shell runs, READ being what prints number and sum of the frames */
  async function shell(command: string): Promise<string> {
    const read = `"${process.execPath}" --import tsx --input-type=module -e '${script.replaceAll("'", String.raw`'\''`)}'`;
    const child = spawn('bash', ['-c', command.replaceAll('READ', () => read)], { stdio: ['ignore', 'pipe', 'pipe'] });
    let out = '';
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (out += chunk.toString()));
    await new Promise((resolve) => child.once('close', resolve));
    return out;
  }

  it.each([
    ['cat FILE | READ /dev/stdin'],
    ['READ /dev/stdin < FILE'],
    ['cat FILE | READ /proc/self/fd/0'],
    ['READ <(cat FILE)'],
    ['exec 9< FILE; READ /dev/fd/9'],
  ])('%s', async (command) => {
    expect(await shell(command.replaceAll('FILE', await numbered('a.mp4')))).toBe(`${FRAMES} 435\n`);
  });

  it('a socket, as Node gives its children, and a file that is gone', async () => {
    const file = await numbered('a.mp4');
    const args = ['--import', 'tsx', '--input-type=module', '-e', script, '/dev/stdin'];
    const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    let out = '';
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
    const ended = new Promise((resolve) => child.once('close', resolve));
    await pipeline(createReadStream(file), child.stdin);
    await ended;
    expect(out).toBe(`${FRAMES} 435\n`);
    expect(await shell(`exec 9< ${file}; rm ${file}; READ /dev/fd/9`)).toBe(`${FRAMES} 435\n`);
  });
});

describe('names', () => {
  it.each([
    ['-', true],
    ['camera:0', true],
    ['rtsp://host/a', true],
    ['udp://@:1234', true],
    ['clip.mp4', false],
    ['frames/*.jpg', false],
    ['c:/clip.mp4', false],
    ['0', false],
  ])('%s is live: %s', async (name, live) => expect(await isLive(name)).toBe(live));

  it.each([
    ['http://host/a/clip.mp4?token=abc#x', 'clip.mp4'],
    ['https://me:secret@host/my%20clip.mp4', 'my clip.mp4'],
    ['http://host/%E0%A4%A', '%E0%A4%A'],
    ['http://host', 'host'],
    ['http://a b/', 'a b'],
    ['/dev/stdin', 'stdin'],
    ['folder/clip.mp4', 'clip.mp4'],
  ])('%s is called %s', (name, short) => expect(nameOf(name)).toBe(short));

  it.each(['0', '/dev/video0'])('a hint to the camera: %s', async (name) => {
    await expect(openVideo(name)).rejects.toMatchObject({
      code: 'INPUT_NOT_FOUND',
      hint: expect.stringContaining('camera:0') as string,
    });
  });

  it('a hint to the pipe for what npx does not pass on', async () => {
    expect(notFoundHint('/dev/fd/63')).toContain('npx');
    if (process.platform !== 'win32') {
      await expect(openVideo('/dev/fd/987')).rejects.toEqual(failure('INPUT_NOT_FOUND', '/dev/fd/987'));
    }
  });

  it.each(['s3://bucket/a.mp4', 'ftp://host/a.mp4', 'file:///a.mp4', 'data://x'])(
    '%s: no such address',
    async (name) => {
      await expect(openVideo(name)).rejects.toEqual(failure('INPUT_NOT_FOUND', 'addresses are not read'));
    },
  );

  it.each(['NUL', 'con', 'C:\\folder\\nul.mp4', 'COM1', 'CON:', 'lpt9.txt'])('%s is a device of Windows', (name) => {
    expect([isWindowsDevice(name, 'win32'), isWindowsDevice(name, 'linux')]).toEqual([true, false]);
  });

  it.each(['null.mp4', 'console', 'C:\\nul\\clip.mp4', 'com10.mp4'])('%s is none', (name) =>
    expect(isWindowsDevice(name, 'win32')).toBe(false),
  );
});

describe.skipIf(process.platform === 'win32')('what is neither a file nor a pipe', () => {
  it.each([
    ['/dev/null', 'a character device'],
    ['/dev/zero', 'a character device'],
    ['/dev/stdout', 'an output of this program'],
    ['/proc/self/fd/2', 'an output of this program'],
  ])('%s: %s', async (name, kind) => {
    await expect(openVideo(name)).rejects.toEqual(failure('OPTION_INVALID', kind));
    await expect(isLive(name)).rejects.toEqual(failure('OPTION_INVALID', kind));
  });

  it('a socket', async () => {
    const path = join(await temporaryFolder(), 'socket');
    const server = net.createServer().listen(path);
    onTestFinished(() => void server.close());
    await expect
      .poll(() => openVideo(path).catch((error: unknown) => error))
      .toEqual(failure('OPTION_INVALID', 'a socket'));
  });

  it('paths that no file can have', async () => {
    for (const name of ['', '\0', 'a\0b.mp4', 'x'.repeat(5000), '/proc/self/mem/x', '%d', '[', '{']) {
      await expect(openVideo(name)).rejects.toEqual(failure('INPUT_NOT_FOUND'));
    }
  });

  it('a folder and a file may be called as if they were addresses', async () => {
    const folder = await temporaryFolder();
    await mkdir(join(folder, 'http:'));
    const file = join(folder, 'http:', 'camera:0.mp4');
    await makeNumberedVideo(file);
    expect(await collect(await openVideo(file))).toHaveLength(FRAMES);
    const handle = await open(file);
    onTestFinished(() => handle.close());
    await writeFile(join(folder, '0'), await readFile(file));
    expect(await collect(await openVideo(join(folder, '0')))).toHaveLength(FRAMES);
  });
});

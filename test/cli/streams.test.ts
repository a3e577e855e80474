/** The program as a part of a pipe line, and killed while it writes. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { parseBoxes } from '../../src/io/boxes.js';
import { openVideo } from '../../src/video/read.js';
import { collect, makeNumberedVideo, temporaryFolder } from '../helpers/video.js';

const MAIN = ['--import', 'tsx', path.join(import.meta.dirname, '../../src/cli/main.ts')];
const EBM = [process.execPath, ...MAIN].join(' ');
const BOX = ['--box', '16,12,24,20', '--threads', '1'];
const TIMEOUT = 600_000;

interface Ended {
  exitCode: number;
  out: string;
  err: string;
}

/** A line of the shell, in a folder; $EBM is the program. The exit code is that of the program, whatever reads from it. */
async function shell(folder: string, line: string): Promise<Ended> {
  const options = { cwd: folder, env: { ...process.env, EBM } };
  const root = path.join(import.meta.dirname, '../..');
  const script = `ln -sf ${root}/node_modules . ; ${line}`;
  return promisify(execFile)('bash', ['-c', script], options).then(
    ({ stdout, stderr }) => ({ exitCode: 0, out: stdout, err: stderr }),
    ({ code, stdout, stderr }: { code: number; stdout: string; stderr: string }) => ({
      exitCode: code,
      out: stdout,
      err: stderr,
    }),
  );
}

const track = (more: string): string => `$EBM track clip.mp4 ${BOX.join(' ')} ${more}`;

describe.skipIf(process.platform === 'win32')('in a pipe line', { timeout: TIMEOUT }, () => {
  let folder: string;
  const inClip = async (line: string): Promise<Ended> => {
    folder = await temporaryFolder();
    await makeNumberedVideo(path.join(folder, 'clip.mp4'), { frames: 8 });
    return shell(folder, line);
  };

  it('track ends without a word when its reader has seen enough', async () => {
    const { exitCode, out, err } = await inClip(`${track('--quiet')} | head -2; exit \${PIPESTATUS[0]}`);
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' });
    expect(out.split('\n')).toHaveLength(3);
  });

  it('and writes the video whole all the same', async () => {
    const { exitCode, err } = await inClip(`${track('--quiet --video drawn.mp4')} | true; exit \${PIPESTATUS[0]}`);
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' });
    expect(await collect(await openVideo(path.join(folder, 'drawn.mp4')))).toHaveLength(8);
  });

  it.each<[string, string]>([
    ['convert', '$EBM convert boxes.csv /dev/stdout --to mot'],
    ['the help', '$EBM track --help'],
    ['evaluate', '$EBM evaluate --explain ope'],
  ])('%s ends without a word', async (_, line) => {
    folder = await temporaryFolder();
    const header = 'frame,time,x,y,w,h,confidence,state\n';
    await writeFile(path.join(folder, 'boxes.csv'), `${header}${'0,0,1,2,3,4,1,tracking\n'}`);
    const { exitCode, err } = await shell(
      folder,
      `${line} 2>err | true; code=\${PIPESTATUS[0]}; cat err >&2; exit $code`,
    );
    expect(exitCode).toBe(0);
    expect(err).not.toMatch(/error|EPIPE|at .*:\d+/);
  });

  it('a stderr that nobody reads, or that is full, does not end it', async () => {
    const { exitCode, out } = await inClip(
      `{ ${track('')} 2>&1 >rows.csv; echo $? >code; } | true; ${track('')} 2>/dev/full; exit $?`,
    );
    expect(exitCode).toBe(0);
    expect(parseBoxes(out, 'csv', 'stdout')).toHaveLength(8);
    expect(parseBoxes(await readFile(path.join(folder, 'rows.csv'), 'utf8'), 'csv', 'rows')).toHaveLength(8);
    expect(await readFile(path.join(folder, 'code'), 'utf8')).toBe('0\n');
  });

  it('a full disk is told once, with its hint, whether stdout or a file is on it', async () => {
    for (const more of ['--quiet >/dev/full', '--quiet --out /dev/full --format csv']) {
      const { exitCode, err } = await inClip(track(more));
      expect(exitCode).toBe(1);
      expect(err).toMatch(/^error OUTPUT_FAILED: .*ENOSPC.*\nhint: .*\n$/);
    }
    const { exitCode, err } = await inClip('$EBM --version >/dev/full');
    expect(exitCode).toBe(1);
    expect(err).toMatch(/^error OUTPUT_FAILED: .*ENOSPC.*\nhint: .*\n$/);
  });

  it('/dev/stdout adds to what the shell has opened; what is read is not added to', async () => {
    const { out, exitCode } = await inClip(
      `echo before >rows; ${track('--quiet --out /dev/stdout --format csv')} >>rows; cat rows`,
    );
    expect(exitCode).toBe(0);
    expect(out).toMatch(/^before\nframe,time/);
    expect(parseBoxes(out.replace('before\n', ''), 'csv', 'rows')).toHaveLength(8);
    const line = `echo '16,12,24,20' >first.csv; $EBM track clip.mp4 --boxes first.csv --quiet >>first.csv`;
    const refused = await inClip(line);
    expect(refused.exitCode).toBe(2);
    expect(await readFile(path.join(folder, 'first.csv'), 'utf8')).toBe('16,12,24,20\n');
  });
});

describe('killed', { timeout: TIMEOUT }, () => {
  let clip: string;
  beforeAll(async () => {
    clip = path.join(import.meta.dirname, '../../models/demo/demo.mp4');
  });

  const start = (out: string): ChildProcess =>
    spawn(process.execPath, [...MAIN, 'track', clip, '--box', '195,24,351,243', '--threads', '1', '--out', out], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
  const rowsIn = async (file: string): Promise<number> =>
    (await readFile(file, 'utf8').catch(() => '')).split('\n').length - 2;
  const killAfterRows = async (
    child: ChildProcess,
    file: string,
    signal: NodeJS.Signals = 'SIGKILL',
  ): Promise<string> => {
    let err = '';
    child.stderr!.on('data', (chunk: Buffer) => (err += chunk.toString()));
    const ended = new Promise((resolve) => child.once('close', resolve));
    await expect.poll(() => rowsIn(file), { timeout: TIMEOUT / 2 }).toBeGreaterThan(3);
    child.kill(signal);
    await ended;
    return err;
  };

  it('keeps the rows that it has, and an older file', async () => {
    const folder = await temporaryFolder();
    const out = path.join(folder, 'boxes.csv');
    await writeFile(out, 'older');
    const err = await killAfterRows(start(out), `${out}.partial`);
    expect(err).toContain(`rows go to ${out}.partial`);
    expect(await readFile(out, 'utf8')).toBe('older');
    expect((await readdir(folder)).toSorted()).toEqual(['boxes.csv', 'boxes.csv.partial']);
    expect(await rowsIn(`${out}.partial`)).toBeGreaterThan(3);
  });

  it('by Ctrl-C ends the file whole, and it takes the place of the older one', async () => {
    const folder = await temporaryFolder();
    const out = path.join(folder, 'boxes.csv');
    await writeFile(out, 'older');
    const child = start(out);
    const err = await killAfterRows(child, `${out}.partial`, 'SIGINT');
    expect(err).toMatch(/error INTERRUPTED: stopped after \d+ frames; they were written/);
    expect(child.exitCode).toBe(1);
    expect(await readdir(folder)).toEqual(['boxes.csv']);
    expect(parseBoxes(await readFile(out, 'utf8'), 'csv', out).length).toBeGreaterThan(3);
  });

  it('keeps the rows under the name that was given where there was no file before', async () => {
    const folder = await temporaryFolder();
    const out = path.join(folder, 'boxes.jsonl');
    await killAfterRows(start(out), out);
    expect(await readdir(folder)).toEqual(['boxes.jsonl']);
  });
});

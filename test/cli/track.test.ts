import { spawn } from 'node:child_process';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { CSV_HEADER, CSV_ID_HEADER, parseBoxes } from '../../src/io/boxes.js';
import { readBoxes } from '../../src/io/boxes-file.js';
import { readTracks } from '../../src/io/tracks.js';
import { openVideo } from '../../src/video/read.js';
import { inParts, serve, unmeasured } from '../helpers/http.js';
import { cli } from '../helpers/terminal.js';
import { collect, runFfmpeg, temporaryFolder } from '../helpers/video.js';

const BOX = '40,30,32,32';

/** A textured square that moves 2 px a frame over a grey, grainy ground. */
async function makeClip(frames = 12): Promise<{ folder: string; video: string }> {
  const folder = await temporaryFolder();
  const video = path.join(folder, 'clip.mp4');
  const ground = 'color=c=gray:s=160x120:r=25,noise=alls=10:all_seed=1[ground]';
  const graph = `${ground};testsrc=s=32x32:r=25[square];[ground][square]overlay=x=40+2*n:y=30,format=yuv420p`;
  const output = ['-frames:v', String(frames), '-c:v', 'libx264', '-preset', 'veryfast', video];
  await runFfmpeg(['-filter_complex', graph, ...output]);
  return { folder, video };
}

function codeIn(err: string): string | undefined {
  return /^error ([A-Z_]+): .+\nhint: .+$/m.exec(err)?.[1];
}

describe('track', () => {
  it('writes a row a frame to stdout and nothing else; the summary goes to stderr', async () => {
    const { video } = await makeClip();
    const { exitCode, out, err } = await cli('track', video, '--box', BOX);
    expect(exitCode).toBe(0);
    expect(out.split('\n')[0]).toBe(CSV_HEADER);
    const rows = parseBoxes(out, 'csv', 'stdout');
    expect(rows.map(({ frame }) => frame)).toEqual([...Array(12).keys()]);
    expect(rows[0]).toMatchObject({ time: 0, box: { x: 40, y: 30, w: 32, h: 32 }, confidence: 1, state: 'tracking' });
    expect(rows[11]!.time).toBeCloseTo(11 / 25, 3);
    expect(err).toContain('12 frames');
    expect(err).not.toContain('\r');
    const named = await cli('track', video, '--box', BOX, '--out', '-', '--quiet');
    expect(named).toEqual({ exitCode: 0, out, err: '' });
  });

  it('writes of a file behind an address what it writes of the file', async () => {
    const { folder, video } = await makeClip(3);
    const bytes = await readFile(video);
    const options = ['--box', BOX, '--threads', '1', '--quiet'];
    const same = await cli('track', video, ...options);
    const whole = await serve(unmeasured(bytes));
    expect(await cli('track', `${whole.origin}/clip.mp4?token=abc`, ...options)).toEqual(same);
    const [file, drawn] = [path.join(folder, 'boxes.coco.json'), path.join(folder, 'drawn.mp4')];
    const parts = await serve(inParts(bytes));
    await cli('track', `${parts.origin}/clip.mp4?token=abc`, ...options, '--out', file, '--video', drawn);
    expect(await collect(await openVideo(drawn))).toHaveLength(3);
    expect(await readFile(file, 'utf8')).not.toContain('token');
    expect((await readTracks(file)).map(({ frame }) => frame)).toEqual([0, 1, 2]);
  }, 300_000);

  it.each(['/dev/null', '0', '/dev/video77', 'ftp://host/a.mp4', 'http://127.0.0.1:1/a.mp4'])(
    '%s: two lines, no stack trace, in every command that takes a video',
    async (name) => {
      const { folder } = await makeClip(2);
      const boxes = path.join(folder, 'boxes.csv');
      await writeFile(boxes, `${CSV_HEADER}\n0,0,40,30,32,32,1,tracking\n`);
      for (const args of [
        ['track', name, '--box', BOX],
        ['pick', name],
        ['serve', name],
        ['convert', boxes, path.join(folder, 'out.mp4'), '--video', name],
        ['finetune', '--data', name, '--truth', boxes, '--out', path.join(folder, 'head')],
        ['evaluate', 'got10k-val', '--root', name],
      ]) {
        const { exitCode, out, err } = await cli(...args);
        expect([args[0], exitCode > 0, out]).toEqual([args[0], true, '']);
        expect(codeIn(err), err).toBeDefined();
        expect(err).not.toMatch(/^\s+at /m);
      }
    },
  );

  it('tracks several objects: their ids are in every row, and each is as if tracked alone', async () => {
    const { folder, video } = await makeClip(6);
    const file = path.join(folder, 'boxes.csv');
    await writeFile(file, 'id,x,y,w,h\n7,40,30,32,32\n3,100,60,40,40\n');
    const drawn = path.join(folder, 'drawn.mp4');
    const alone = await cli('track', video, '--box', BOX, '--threads', '1');
    const two = await cli('track', video, '--box', BOX, '--box', '100,60,40,40', '--threads', '1');
    const named = await cli('track', video, '--boxes', file, '--threads', '1', '--video', drawn);
    expect([two.exitCode, named.exitCode]).toEqual([0, 0]);
    expect(two.out.split('\n')[0]).toBe(CSV_ID_HEADER);
    expect(two.err).toContain('2 objects');
    const rows = parseBoxes(two.out, 'csv', 'stdout');
    expect(rows.map(({ frame, id }) => [frame, id])).toEqual(
      [...Array(6).keys()].flatMap((i) => [
        [i, 1],
        [i, 2],
      ]),
    );
    const own = rows.filter(({ id }) => id === 1);
    expect(own).toEqual(parseBoxes(alone.out, 'csv', 'stdout').map((row) => ({ ...row, id: 1 })));
    expect(parseBoxes(named.out, 'csv', 'stdout')).toEqual(rows.map((row) => ({ ...row, id: row.id === 1 ? 7 : 3 })));
    expect(await collect(await openVideo(drawn))).toHaveLength(6);
  });

  it('writes for one object in a file what it writes for one --box', async () => {
    const { folder, video } = await makeClip(3);
    const file = path.join(folder, 'one.json');
    await writeFile(file, `[[${BOX}]]`);
    const [a, b] = [await cli('track', video, '--box', BOX), await cli('track', video, '--boxes', file)];
    expect(b.out).toBe(a.out);
  });

  describe('boxes of a file that names frames', () => {
    // the square of makeClip: at 48 in frame 4, at 56 in frame 8
    const KEYS = `<annotations><meta><task><size>12</size></task></meta><track id="3" label="a">
<box frame="4" outside="0" xtl="48" ytl="30" xbr="80" ybr="62"/><box frame="8" outside="0" xtl="56" ytl="30" xbr="88" ybr="62"/>
</track></annotations>`;
    const percent = (frame: number, x: number): object => ({
      frame,
      time: frame / 10,
      x: x / 1.6,
      y: 25,
      width: 20,
      height: 32 / 1.2,
      enabled: true, // prettier-ignore
    });
    const TASK = [
      {
        annotations: [
          {
            result: [{ type: 'videorectangle', value: { framesCount: 5, sequence: [percent(3, 50), percent(5, 60)] } }],
          },
        ],
      },
    ];

    it.each([
      ['starts there, and says so', 'a.xml', KEYS, [], 4, 48],
      ['takes those of --start', 'a.xml', KEYS, ['--start', '6'], 6, 52],
      ['takes those of the frame that a time stands for', 'a.xml', KEYS, ['--start', '0.2s'], 5, 50],
      ['takes those of the time, at another rate', 'a.ls.json', JSON.stringify(TASK), [], 5, 50],
    ])('%s', async (_, name, text, more, frame, x) => {
      const { folder, video } = await makeClip();
      const file = path.join(folder, name);
      await writeFile(file, text);
      const { exitCode, out, err } = await cli('track', video, '--boxes', file, '--threads', '1', ...more);
      expect([exitCode, err]).toEqual([0, expect.any(String)]);
      const rows = parseBoxes(out, 'csv', 'stdout');
      expect(rows.map((row) => row.frame)).toEqual(Array.from({ length: 12 - frame }, (_unused, i) => frame + i));
      expect(rows[0]!.box.x).toBeCloseTo(x, 3);
      expect(rows.at(-1)!.box.x).toBeGreaterThan(x);
      expect(err.includes(`those of frame ${frame}: tracking starts there`)).toBe(more.length === 0);
    });

    it('refuses a start in which the file has none', async () => {
      const { folder, video } = await makeClip(6);
      const file = path.join(folder, 'a.xml');
      await writeFile(file, KEYS);
      const { exitCode, err } = await cli('track', video, '--boxes', file, '--start', '2');
      expect([exitCode, codeIn(err)]).toEqual([1, 'DATA_INVALID']);
      expect(err).toMatch(/found no box in frame 2, but some in 8 frames from 4 to 11\nhint: .*--start 4/);
    });
  });

  it('explains each n-th frame in a folder', async () => {
    const { folder, video } = await makeClip();
    const debug = path.join(folder, 'debug');
    const { exitCode, err } = await cli('track', video, '--box', BOX, '--debug', debug, '--debug-every', '5');
    expect(exitCode).toBe(0);
    expect(err).toContain(`wrote ${debug}`);
    expect((await readdir(debug)).toSorted()).toEqual(['frames.jsonl', 'page-0001.png']);
    expect((await readFile(path.join(debug, 'frames.jsonl'), 'utf8')).trimEnd().split('\n')).toHaveLength(3);
  });

  it.each([
    ['alone', ['--debug-every', '5']],
    ['0', ['--debug', 'out', '--debug-every', '0']],
  ])('refuses --debug-every %s', async (_, options) => {
    const { exitCode, err } = await cli('track', 'clip.mp4', '--box', BOX, ...options);
    expect(exitCode).toBe(2);
    expect(codeIn(err)).toBe('OPTION_INVALID');
  });

  it('writes JSON lines and a video with as many frames, from a start on, quietly', async () => {
    const { folder, video } = await makeClip();
    const out = path.join(folder, 'boxes.jsonl');
    const drawn = path.join(folder, 'drawn.mp4');
    const result = await cli(
      'track',
      video,
      '--box',
      '48,30,32,32',
      '--start',
      '4',
      '--out',
      out,
      '--video',
      drawn,
      '--quiet',
    );
    expect(result).toEqual({ exitCode: 0, out: '', err: '' });
    expect((await readBoxes(out)).map(({ frame }) => frame)).toEqual([4, 5, 6, 7, 8, 9, 10, 11]);
    const frames = await collect(await openVideo(drawn));
    expect(frames).toHaveLength(8);
    expect((await readdir(folder)).toSorted()).toEqual(['boxes.jsonl', 'clip.mp4', 'drawn.mp4']);
  });

  it('writes a format that is whole only at its end, and the video alone as --out', async () => {
    const { folder, video } = await makeClip(4);
    const [boxes, drawn] = [path.join(folder, 'boxes.xml'), path.join(folder, 'drawn.mp4')];
    expect(await cli('track', video, '--box', BOX, '--out', boxes, '--quiet')).toMatchObject({ exitCode: 0, out: '' });
    expect((await readTracks(boxes)).map(({ frame }) => frame)).toEqual([0, 1, 2, 3]);
    expect(await cli('track', video, '--box', BOX, '--out', drawn, '--quiet')).toMatchObject({ exitCode: 0, out: '' });
    expect(await collect(await openVideo(drawn))).toHaveLength(4);
    const lines = await cli('track', video, '--box', BOX, '--format', 'jsonl', '--quiet');
    expect(parseBoxes(lines.out, 'jsonl', 'stdout')).toHaveLength(4);
  });

  it('gives the same bytes for the same seed', async () => {
    const { video } = await makeClip(6);
    const first = await cli('track', video, '--box', BOX, '--seed', '3', '--threads', '1');
    const second = await cli('track', video, '--box', BOX, '--seed', '3', '--threads', '1');
    expect(first.exitCode).toBe(0);
    expect(second.out).toBe(first.out);
  });

  it('tracks what can be decoded of a damaged video, and warns', async () => {
    const { folder, video } = await makeClip(40);
    const cut = path.join(folder, 'cut.ts');
    await runFfmpeg(['-i', video, '-c:v', 'libx264', '-g', '10', '-crf', '10', cut]);
    const bytes = await readFile(cut);
    await writeFile(cut, bytes.subarray(0, Math.floor(bytes.length * 0.6)));
    const { exitCode, out, err } = await cli('track', cut, '--box', BOX, '--quiet');
    expect(exitCode).toBe(0);
    expect(parseBoxes(out, 'csv', 'stdout').length).toBeGreaterThan(5);
    expect(err).toMatch(/^warning: /m);
  });

  it('leaves older results alone when the input cannot be tracked', async () => {
    const { folder } = await makeClip(2);
    const out = path.join(folder, 'boxes.csv');
    await writeFile(out, 'older results');
    const broken = path.join(folder, 'broken.mp4');
    await writeFile(broken, 'no video');
    const { exitCode } = await cli('track', broken, '--box', BOX, '--out', out);
    expect(exitCode).toBe(1);
    expect(await readFile(out, 'utf8')).toBe('older results');
  });

  it('Ctrl-C ends the files whole, tells INTERRUPTED and exits with 1', async () => {
    const { folder, video } = await makeClip(2000);
    const out = path.join(folder, 'boxes.csv');
    const drawn = path.join(folder, 'drawn.mp4');
    const main = path.join(import.meta.dirname, '../../src/cli/main.ts');
    const args = ['--import', 'tsx', main, 'track', video, '--box', BOX, '--out', out, '--video', drawn];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    let err = '';
    child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
    const rowsSoFar = async (): Promise<number> => (await readFile(out, 'utf8').catch(() => '')).split('\n').length - 2;
    // rows are on the disk while the run goes on
    await expect.poll(rowsSoFar).toBeGreaterThan(3);
    child.kill('SIGINT');
    child.kill('SIGINT'); // as npx does: passed on beside the terminal's own
    expect(await ended).toBe(1);
    expect(codeIn(err)).toBe('INTERRUPTED');
    const rows = await readBoxes(out);
    const frames = await collect(await openVideo(drawn));
    expect(rows.length).toBeLessThan(2000);
    expect(frames).toHaveLength(rows.length);
  });
});

describe('errors', () => {
  it.each<[string, string, number, (clip: { folder: string; video: string }) => string[]]>([
    ['a box of three numbers', 'BOX_INVALID', 2, ({ video }) => ['track', video, '--box', '1,2,3']],
    ['a box outside the frame', 'BOX_INVALID', 2, ({ video }) => ['track', video, '--box', '500,2,30,30']],
    ['a missing video', 'INPUT_NOT_FOUND', 2, ({ folder }) => ['track', path.join(folder, 'none.mp4'), '--box', BOX]],
    ['a start behind the end', 'START_OUT_OF_RANGE', 2, ({ video }) => ['track', video, '--box', BOX, '--start', '99']],
    ['a start of letters', 'OPTION_INVALID', 2, ({ video }) => ['track', video, '--box', BOX, '--start', 'soon']],
    ['an unknown engine', 'CONFIG_INVALID', 2, ({ video }) => ['track', video, '--box', BOX, '--engine', 'torch']],
    ['no threads', 'CONFIG_INVALID', 2, ({ video }) => ['track', video, '--box', BOX, '--threads', '0']],
    ['an unknown option', 'OPTION_INVALID', 2, ({ video }) => ['track', video, '--box', BOX, '--bix']],
    ['no box', 'OPTION_INVALID', 2, ({ video }) => ['track', video]],
    ['boxes twice', 'OPTION_INVALID', 2, ({ video }) => ['track', video, '--box', BOX, '--boxes', 'a.csv']],
    ['a second box that is none', 'BOX_INVALID', 2, ({ video }) => ['track', video, '--box', BOX, '--box', '1,2,0,4']],
    ['no such file of boxes', 'INPUT_NOT_FOUND', 2, ({ video }) => ['track', video, '--boxes', 'no-such.csv']],
    ['no video', 'OPTION_INVALID', 2, () => ['track', '--box', BOX]],
    ['an unknown command', 'OPTION_INVALID', 2, () => ['follow']],
    ['no command', 'OPTION_INVALID', 2, () => []],
    [
      'results of an unknown kind',
      'OPTION_INVALID',
      2,
      ({ video }) => ['track', video, '--box', BOX, '--out', 'a.doc'],
    ],
    ['a video of another kind', 'OPTION_INVALID', 2, ({ video }) => ['track', video, '--box', BOX, '--video', 'a.avi']],
    ['the input as output', 'OPTION_INVALID', 2, ({ video }) => ['track', video, '--box', BOX, '--video', video]],
    [
      'an output in no folder',
      'OUTPUT_FAILED',
      1,
      ({ folder, video }) => ['track', video, '--box', BOX, '--out', path.join(folder, 'none', 'a.csv')],
    ],
    [
      'a video in no folder',
      'OUTPUT_FAILED',
      1,
      ({ folder, video }) => ['track', video, '--box', BOX, '--video', path.join(folder, 'none', 'a.mp4')],
    ],
    [
      'a folder as output',
      'OUTPUT_FAILED',
      1,
      ({ folder, video }) => ['track', video, '--box', BOX, '--out', path.join(folder, 'folder.csv')],
    ],
    ['a demo folder that is a file', 'OUTPUT_FAILED', 1, ({ video }) => ['demo', '--out', video]],
    [
      'a file that is no video',
      'VIDEO_UNREADABLE',
      1,
      ({ folder }) => ['track', path.join(folder, 'text.mp4'), '--box', BOX],
    ],
    [
      'an unknown head',
      'MODEL_MISSING',
      1,
      ({ folder, video }) => ['track', video, '--box', BOX, '--config', path.join(folder, 'head.json')],
    ],
  ])('%s: %s', async (_, code, expected, argsFor) => {
    const clip = await makeClip(2);
    await mkdir(path.join(clip.folder, 'folder.csv'));
    await writeFile(path.join(clip.folder, 'text.mp4'), 'no video');
    await writeFile(path.join(clip.folder, 'head.json'), '{"head": "no-such-head"}');
    const { exitCode, out, err } = await cli(...argsFor(clip));
    expect(codeIn(err)).toBe(code);
    expect(exitCode).toBe(expected);
    expect(out).toBe('');
  });

  it('FFMPEG_PATH that does not run: FFMPEG_MISSING', async () => {
    const { video } = await makeClip(2);
    const before = process.env['FFMPEG_PATH'];
    process.env['FFMPEG_PATH'] = '/no/such/ffmpeg';
    try {
      const { exitCode, err } = await cli('track', video, '--box', BOX);
      expect([exitCode, codeIn(err)]).toEqual([1, 'FFMPEG_MISSING']);
    } finally {
      if (before === undefined) delete process.env['FFMPEG_PATH'];
      else process.env['FFMPEG_PATH'] = before;
    }
  });

  it('--help and --version are no errors, and go to stdout', async () => {
    const help = await cli('track', '--help');
    expect([help.exitCode, help.err]).toEqual([0, '']);
    expect(help.out).toContain('--box');
    const version = await cli('--version');
    expect(version).toMatchObject({ exitCode: 0, err: '' });
    expect(version.out).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});

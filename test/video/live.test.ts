import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parseBoxes } from '../../src/io/boxes.js';
import { readTracks } from '../../src/io/tracks.js';
import { findBinaries } from '../../src/video/binaries.js';
import { dshowCameras, openLive, type LiveEvent, type LiveOptions, type LiveSource } from '../../src/video/live.js';
import { startCamera, type Camera } from '../helpers/live.js';
import { runCli } from '../../src/cli/program.js';
import { cli, createTestTerminal } from '../helpers/terminal.js';
import { childProcesses, temporaryFolder } from '../helpers/video.js';

const BOX = '40,30,32,32';
/** A textured square that wanders over a grey, grainy ground, for ever. */
const SCENE = [
  '-f',
  'lavfi',
  '-i',
  "color=c=gray:s=160x120:r=25,noise=alls=10:all_seed=1[g];testsrc=s=32x32:r=25[q];[g][q]overlay=x='40+20*sin(t)':y=30",
];

async function camera(): Promise<Camera> {
  const started = await startCamera(SCENE);
  onTestFinished(() => started.close());
  return started;
}

async function open(url: string, options: LiveOptions = {}): Promise<LiveSource> {
  const source = await openLive(url, options);
  onTestFinished(() => source.close());
  return source;
}

describe('live sources', () => {
  it('gives the newest frame to a slow reader, and counts the others', async () => {
    const { url } = await camera();
    const source = await open(url);
    expect([source.width, source.height, source.fps]).toEqual([160, 120, 25]);
    const indices: number[] = [];
    for await (const { index, data } of source.frames()) {
      expect(data).toHaveLength(3 * 160 * 120);
      indices.push(index);
      // in a queue it would be behind by all that the sleeps let come; two may come together
      if (index > 0) expect(source.counts().received - index).toBeLessThan(4);
      if (indices.length >= 8 && source.counts().dropped > 10) break;
      await sleep(200);
      expect(source.age()).toBeGreaterThan(150);
    }
    const { received, dropped } = source.counts();
    expect(dropped).toBeGreaterThanOrEqual(indices.at(-1)! + 1 - indices.length);
    expect(received).toBeGreaterThan(dropped);
    // with the line, the camera ends its encoder
    await expect.poll(childProcesses).toEqual([]);
  });

  // how soon is for the benchmark live: a machine that tests share has no second of its own
  it('is back on the same line after a stall, and on a new one after a cut', async () => {
    const { url, stall, resume, cut } = await camera();
    const after: LiveEvent[] = [];
    const source = await open(url, {
      stallSeconds: 100,
      onEvent: (event) => {
        after.push(event);
        if (event.kind === 'stalled') resume();
      },
    });
    let stalled = false;
    for await (const { index } of source.frames()) {
      if (!stalled && index >= 10) {
        stalled = true;
        after.length = 0;
        stall();
      }
      if (after.some(({ kind }) => kind === 'back')) break;
    }
    expect(after.slice(0, 2).map(({ kind }) => kind)).toEqual(['stalled', 'back']);
    expect(source.counts().reconnects).toBe(0);

    const lost: LiveEvent[] = [];
    const again = await open(url, { onEvent: (event) => event.kind === 'lost' && lost.push(event) });
    let [before, time] = [0, 0];
    for await (const frame of again.frames()) {
      time = frame.time;
      if (again.counts().reconnects > 0) break;
      if (before > 0 || frame.index < 5) continue;
      before = time;
      cut();
    }
    // the first of waits that grow
    expect(lost[0]).toMatchObject({ retryInSeconds: 0.25 });
    expect(time).toBeGreaterThan(before);
  });

  it('ends where nothing comes any more, and says so', async () => {
    const { url, close } = await startCamera(SCENE);
    let frames = 0;
    // patient till the camera goes
    const source = await open(url, {
      get giveUpSeconds() {
        return frames > 3 ? 1 : 60;
      },
    });
    for await (const _ of source.frames()) {
      if (++frames === 4) void close();
    }
    expect(frames).toBeGreaterThan(3);
    expect(source.warnings).toHaveLength(1);
  });

  it('tells what ffmpeg says where no frame comes', async () => {
    const code = expect.objectContaining({ code: 'VIDEO_UNREADABLE' }) as object;
    await expect(openLive('tcp://127.0.0.1:9', { giveUpSeconds: 0.5 })).rejects.toThrow(code);
    const stop = AbortSignal.timeout(300);
    const interrupted = expect.objectContaining({ code: 'INTERRUPTED' }) as object;
    await expect(openLive('tcp://127.0.0.1:9', { signal: stop })).rejects.toThrow(interrupted);
  });

  it('names cameras of Windows, in both forms of the list', () => {
    const old = '[dshow @ 0] DirectShow video devices\n[dshow @ 0]  "Cam A"\n[dshow @ 0]     Alternative name "@x"\n';
    expect(dshowCameras(`${old}[dshow @ 0] DirectShow audio devices\n[dshow @ 0]  "Mic"\n`)).toEqual(['Cam A']);
    expect(dshowCameras('[dshow @ 0] "Cam A" (video)\n[dshow @ 0] "Mic" (audio)\n')).toEqual(['Cam A']);
  });
});

describe('track, live', () => {
  const main = path.join(import.meta.dirname, '../../src/cli/main.ts');

  it('stdin: JSON lines as they come; Ctrl-C ends with 0 and whole files', async () => {
    const folder = await temporaryFolder();
    const { ffmpeg } = await findBinaries();
    const sender = spawn(ffmpeg.path, ['-v', 'error', '-re', ...SCENE, '-c:v', 'mpeg4', '-f', 'mpegts', '-'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    onTestFinished(() => void sender.kill('SIGKILL'));
    const video = path.join(folder, 'live.mp4');
    const args = ['--import', 'tsx', main, 'track', '-', '--box', BOX, '--video', video];
    const child = spawn(process.execPath, args, { stdio: [sender.stdout, 'pipe', 'pipe'] });
    onTestFinished(() => void child.kill('SIGKILL'));
    let [out, err] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
    await expect.poll(() => out.split('\n').length, { timeout: 150_000 }).toBeGreaterThan(5);
    child.kill('SIGINT');
    expect(await ended).toBe(0);
    const rows = parseBoxes(out, 'jsonl', 'stdout');
    expect(rows[0]).toMatchObject({ frame: 0, box: { x: 40, y: 30, w: 32, h: 32 } });
    expect(err).toMatch(/live: \d+ frames came, \d+ dropped, 0 reconnects; latency \d+ ms/);
    expect((await readFile(video)).length).toBeGreaterThan(1000);
  }, 200_000);

  it('stdin: a file that comes faster than it is tracked is told with the frames that were dropped', async () => {
    const { ffmpeg } = await findBinaries();
    const frames = 100;
    const args = ['-v', 'error', ...SCENE, '-frames:v', String(frames), '-c:v', 'mpeg4', '-f', 'mpegts', '-'];
    const sender = spawn(ffmpeg.path, args, { stdio: ['ignore', 'pipe', 'ignore'] });
    const program = ['--import', 'tsx', main, 'track', '-', '--box', BOX, '--quiet'];
    const child = spawn(process.execPath, program, { stdio: [sender.stdout, 'pipe', 'pipe'] });
    onTestFinished(() => {
      child.kill('SIGKILL');
      sender.kill('SIGKILL');
    });
    let [out, err] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
    const [exitCode] = (await once(child, 'close')) as [number];
    expect(exitCode).toBe(0);
    const [, dropped, came] = /^warning: -: (\d+) of (\d+) frames were dropped.*track \/dev\/stdin$/m.exec(err) ?? [];
    expect(Number(came)).toBe(frames);
    expect(parseBoxes(out, 'jsonl', 'stdout')).toHaveLength(frames - Number(dropped));
  });

  it('a format that is whole only at its end', async () => {
    const { url, close } = await startCamera([...SCENE, '-t', '2']);
    onTestFinished(() => close());
    const out = path.join(await temporaryFolder(), 'live.xml');
    const terminal = createTestTerminal();
    const running = runCli(['track', url, '--box', BOX, '--out', out, '--quiet'], terminal);
    await expect.poll(terminal.err).toContain('connection lost');
    process.emit('SIGINT');
    expect([await running, terminal.out()]).toEqual([0, '']);
    expect((await readTracks(out)).length).toBeGreaterThan(0);
  });

  it('refuses --start', async () => {
    const { exitCode, err } = await cli('track', '-', '--box', BOX, '--start', '3');
    expect([exitCode, err]).toEqual([2, expect.stringContaining('OPTION_INVALID')]);
  });
});

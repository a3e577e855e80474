import path from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { findBinaries } from '../../src/video/binaries.js';
import { damaged, makeInstallation, runIn, stub, type Stand } from '../helpers/installation.js';
import { cli } from '../helpers/terminal.js';
import { temporaryFolder } from '../helpers/video.js';

interface Report {
  works: boolean;
  checks: { name: string; status: string; detail: string; mend: string[] }[];
}

describe('doctor', () => {
  it('tells as JSON what will be used, and that tracking works', async () => {
    const { exitCode, out, err } = await cli('doctor', '--json');
    const { works, checks } = JSON.parse(out) as Report;
    expect({ exitCode, works, err }).toEqual({ exitCode: 0, works: true, err: '' });
    expect(checks.map(({ name }) => name)).toEqual(['node', 'tracker', 'pictures', 'tensorflow.js', 'ffmpeg']);
    expect(checks[1]).toMatchObject({ status: 'ok', detail: expect.stringContaining('thread') as string });
  });

  it('names the age of the ffmpeg that comes with the package, and the command that brings a better one', async (test) => {
    const before = process.env['PATH'];
    process.env['PATH'] = '';
    try {
      if (!(await findBinaries()).ffmpeg.source.startsWith('@')) test.skip('ffmpeg-static has its binary here');
      const { out } = await cli('doctor');
      expect(out).toMatch(/the ffmpeg of 20\d\d that comes with the package/);
      expect(out).toMatch(/for more: .*install ffmpeg/);
    } finally {
      process.env['PATH'] = before;
    }
  });

  it('exits with 1 and names the cure where a part that tracking needs is missing', async () => {
    const before = process.env['FFMPEG_PATH'];
    process.env['FFMPEG_PATH'] = '/no/such/ffmpeg';
    try {
      const { exitCode, out } = await cli('doctor', '--json');
      const { works, checks } = JSON.parse(out) as Report;
      expect([exitCode, works]).toEqual([1, false]);
      const ffmpeg = checks.find(({ name }) => name === 'ffmpeg')!;
      expect(ffmpeg.status).toBe('broken');
      expect(ffmpeg.detail).toContain('FFMPEG_MISSING');
      expect(ffmpeg.mend).toHaveLength(1);
    } finally {
      if (before === undefined) delete process.env['FFMPEG_PATH'];
      else process.env['FFMPEG_PATH'] = before;
    }
  });
});

const BINDING = `bin/napi-v6/${process.platform}/${process.arch}/onnxruntime_binding.node`;
const withoutLibraries = (file: string): boolean => !/^bin(\/|$)/.test(file);
const SHARP_LIBRARY = `@img/sharp-${process.platform}-${process.arch}`;
const SHARP_FILE = `lib/sharp-${process.platform}-${process.arch}-${sharp.versions.sharp}.node`;
/** A copy, not a link: it looks for its library beside itself. */
const ownSharp = damaged('sharp', () => true);
const noFfmpeg = {
  'ffmpeg-static': undefined,
  '@ffmpeg-installer/ffmpeg': undefined,
  '@ffprobe-installer/ffprobe': undefined,
};
const killed = stub("process.kill(process.pid, 'SIGILL'); while (true);");

describe('what cannot be loaded', { timeout: 600_000 }, () => {
  it.each<[string, Record<string, Stand>, NodeJS.ProcessEnv, Record<string, RegExp>]>([
    [
      'the library of sharp left out, and no ffmpeg anywhere',
      { sharp: ownSharp, [SHARP_LIBRARY]: undefined, ...noFfmpeg },
      { PATH: '', FFMPEG_PATH: '', FFPROBE_PATH: '' },
      { pictures: /^npm install --include=optional --os=\S+ --cpu=\S+ sharp/, ffmpeg: /install ffmpeg/ },
    ],
    [
      'the library of sharp damaged',
      {
        sharp: ownSharp,
        [SHARP_LIBRARY]: damaged(SHARP_LIBRARY, (file) => !file.endsWith('.node'), { [SHARP_FILE]: 'no library' }),
      },
      {},
      { pictures: /^npm ci --include=optional/ },
    ],
    [
      'the library of onnxruntime damaged, and a sharp whose import throws',
      {
        'onnxruntime-node': damaged('onnxruntime-node', withoutLibraries, { [BINDING]: 'no library' }),
        sharp: stub("throw new TypeError('broken at import')"),
      },
      {},
      { tracker: /^npm ci --include=optional/, pictures: /^npm ci --include=optional/ },
    ],
    [
      'the library of onnxruntime missing from its package',
      { 'onnxruntime-node': damaged('onnxruntime-node', withoutLibraries) },
      {},
      { tracker: /^npm ci --include=optional/ },
    ],
    ['no onnxruntime at all', { 'onnxruntime-node': undefined }, {}, { tracker: /^npm install onnxruntime-node/ }],
    [
      'libraries that end the process',
      { 'onnxruntime-node': killed, sharp: killed },
      {},
      { tracker: /npm ci/, pictures: /npm ci/ },
    ],
  ])('%s: told with what mends it, and the rest is looked at', async (_, stands, env, expected) => {
    const app = await makeInstallation(stands);
    const { exitCode, out, err } = await runIn(app, ['doctor', '--json'], env);
    expect({ exitCode, err }).toEqual({ exitCode: 1, err: '' });
    const { works, checks } = JSON.parse(out) as Report;
    expect(works).toBe(false);
    expect(checks.map(({ name }) => name)).toEqual(['node', 'tracker', 'pictures', 'tensorflow.js', 'ffmpeg']);
    const broken = checks.filter(({ status }) => status === 'broken');
    expect(broken.map(({ name }) => name).toSorted()).toEqual(Object.keys(expected).toSorted());
    for (const { name, detail, mend } of broken) {
      expect(detail).toMatch(/^(RUNTIME_UNAVAILABLE|FFMPEG_MISSING): /);
      expect(detail).not.toMatch(/\n| at .*:\d+:\d+/);
      expect(mend.join('\n')).toMatch(expected[name]!);
    }
  });

  it('without sharp a video is tracked, and a folder of pictures is refused with what mends it', async () => {
    const app = await makeInstallation({ sharp: ownSharp, [SHARP_LIBRARY]: undefined });
    const help = await runIn(app, ['--help']);
    expect([help.exitCode, help.err]).toEqual([0, '']);
    const clip = path.join(app, 'models/demo/demo.mp4');
    const box = ['--box', '16,12,24,20', '--quiet'];
    expect(await runIn(app, ['track', clip, ...box, '--start', '208'])).toMatchObject({ exitCode: 0, err: '' });
    const folder = await temporaryFolder();
    const blank = { create: { width: 64, height: 48, channels: 3, background: '#888' } } as const;
    await sharp(blank).toFile(path.join(folder, '1.png'));
    const { exitCode, err } = await runIn(app, ['track', folder, ...box]);
    expect(exitCode).toBe(1);
    expect(err).toMatch(/^error \w+: .*sharp.*\nhint: .*\n$/);
  });

  it('a package of plain JavaScript that is missing is told in one line, too', async () => {
    const app = await makeInstallation({ zod: undefined });
    const { exitCode, err } = await runIn(app, ['convert', 'a.csv', 'b.txt']);
    expect(exitCode).toBe(1);
    expect(err).toMatch(/^error RUNTIME_UNAVAILABLE: .*zod.*\nhint: .*npm.*\n$/);
  });
});

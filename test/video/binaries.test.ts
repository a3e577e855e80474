import { chmod, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  type Binary,
  findBinaries,
  oldBuildNote,
  type PackageLoader,
  passthroughOption,
  refuseOldBuild,
} from '../../src/video/binaries.js';
import { temporaryFolder } from '../helpers/video.js';

const noPackages: PackageLoader = (name) => {
  throw new Error(`no ${name}`);
};

/** Programs that say what ffmpeg and ffprobe say first. */
async function fakePrograms(
  folder: string,
  version: string,
  libavutil?: number,
  year?: number,
): Promise<{ ffmpeg: string; ffprobe: string }> {
  await mkdir(folder, { recursive: true });
  for (const name of ['ffmpeg', 'ffprobe']) {
    const library =
      libavutil === undefined ? '' : `echo "libavutil      ${libavutil}. 31.100 / ${libavutil}. 31.100"\n`;
    await writeFile(
      join(folder, name),
      `#!/bin/sh\necho "${name} version ${version} Copyright (c)${year === undefined ? '' : ` 2000-${year} the FFmpeg developers`}"\n${library}`,
      {
        mode: 0o755,
      },
    );
  }
  return { ffmpeg: join(folder, 'ffmpeg'), ffprobe: join(folder, 'ffprobe') };
}

const pathsFound = async (env: NodeJS.ProcessEnv, load: PackageLoader) => {
  const { ffmpeg, ffprobe } = await findBinaries(env, load);
  return { ffmpeg: ffmpeg.path, ffprobe: ffprobe.path };
};

const option = (major: number | null) =>
  passthroughOption({ path: '', source: '', version: '', major, year: null } satisfies Binary);

describe.skipIf(process.platform === 'win32')('findBinaries', () => {
  it('prefers the variables, then ffmpeg-static, PATH and the installers', async () => {
    const folder = await temporaryFolder();
    const asked = await fakePrograms(join(folder, 'asked'), '7.1', 59);
    const packed = await fakePrograms(join(folder, 'static'), '6.0', 58);
    const onPath = await fakePrograms(join(folder, 'path'), '5.1', 57);
    const installed = await fakePrograms(join(folder, 'installer'), 'N-47683-g0e8eb07980-static', 56);
    const packages: Record<string, unknown> = {
      'ffmpeg-static': packed.ffmpeg,
      '@ffmpeg-installer/ffmpeg': { path: installed.ffmpeg },
      '@ffprobe-installer/ffprobe': { path: installed.ffprobe },
    };
    const PATH = join(folder, 'path');
    const all: PackageLoader = (name) => packages[name];
    const noStatic: PackageLoader = (name) => (name === 'ffmpeg-static' ? join(folder, 'missing') : packages[name]);
    const shellOnly = join(folder, 'empty');

    expect(await pathsFound({ PATH, FFMPEG_PATH: asked.ffmpeg, FFPROBE_PATH: asked.ffprobe }, all)).toEqual(asked);
    expect(await pathsFound({ PATH }, all)).toEqual({ ffmpeg: packed.ffmpeg, ffprobe: onPath.ffprobe });
    expect(await pathsFound({ PATH }, noStatic)).toEqual(onPath);
    expect(await pathsFound({ PATH: shellOnly }, noStatic)).toEqual(installed);
  });

  it('asks a file once, and one that was exchanged anew', async () => {
    const folder = await temporaryFolder();
    const log = join(folder, 'asked');
    const place = async (version: string): Promise<string> => {
      const ffmpeg = join(folder, 'ffmpeg');
      const text = `#!/bin/sh\necho asked >> '${log}'\necho "ffmpeg version ${version}"\n`;
      await writeFile(ffmpeg, text, { mode: 0o755 });
      return ffmpeg;
    };
    const { ffprobe } = await fakePrograms(folder, '7.1', 59);
    const version = async (FFMPEG_PATH: string): Promise<string> =>
      (await findBinaries({ FFMPEG_PATH, FFPROBE_PATH: ffprobe }, noPackages)).ffmpeg.version;
    const first = await place('7');
    expect(await Promise.all([first, first, first].map(version))).toEqual(Array(3).fill('ffmpeg version 7'));
    expect(await version(first)).toBe('ffmpeg version 7');
    expect(await readFile(log, 'utf8')).toBe('asked\n');
    expect(await version(await place('8.1'))).toBe('ffmpeg version 8.1');
    expect(await readFile(log, 'utf8')).toBe('asked\nasked\n');
  });

  it('takes the newer one of ffmpeg-static and PATH, and what is carried only where both are older or missing', async () => {
    const folder = await temporaryFolder();
    const packed = await fakePrograms(join(folder, 'static'), '6.0', 58);
    const carried = await fakePrograms(join(folder, 'carried'), 'N-47683-g0e8eb07980-static', 56);
    const load: PackageLoader = (name) => {
      if (name === 'ffmpeg-static') return packed.ffmpeg;
      return { path: name.includes('ffprobe') ? carried.ffprobe : carried.ffmpeg };
    };
    const noStatic: PackageLoader = (name) => (name === 'ffmpeg-static' ? undefined : load(name));
    const newer = await fakePrograms(join(folder, 'newer'), '8.0', 60);
    const found = await findBinaries({ PATH: join(folder, 'newer') }, load);
    expect(found.ffmpeg).toMatchObject({ path: newer.ffmpeg, major: 8 });
    expect(found.passedOver.join()).toContain('ffmpeg-static: not newer than that of PATH');
    const ancient = await fakePrograms(join(folder, 'ancient'), '2.8', 54);
    expect(await pathsFound({ PATH: join(folder, 'ancient') }, load)).toEqual({
      ffmpeg: packed.ffmpeg,
      ffprobe: carried.ffprobe,
    });
    expect(await pathsFound({ PATH: join(folder, 'ancient') }, noStatic)).toEqual(carried);
    expect(await pathsFound({ PATH: join(folder, 'ancient') }, noPackages)).toEqual(ancient);
    // as old as what is carried, but somebody looks after it
    const system = await fakePrograms(join(folder, 'system'), '4.2', 56);
    expect(await pathsFound({ PATH: join(folder, 'system') }, noStatic)).toEqual(system);
  });

  it('tells the age of a carried build, and refuses it for what comes from elsewhere', async () => {
    const folder = await temporaryFolder();
    await fakePrograms(folder, 'N-47683-g0e8eb07980-static', 56, 2018);
    const load: PackageLoader = (name) => {
      if (name === 'ffmpeg-static') throw new Error('not there');
      return { path: join(folder, name.includes('ffprobe') ? 'ffprobe' : 'ffmpeg') };
    };
    const carried = await findBinaries({ PATH: '' }, load);
    expect(carried.ffmpeg.year).toBe(2018);
    expect(oldBuildNote(carried)).toEqual({
      note: expect.stringContaining('the ffmpeg of 2018') as string,
      mend: expect.stringContaining('install ffmpeg') as string,
    });
    const refused = expect.objectContaining({
      code: 'FFMPEG_OLD',
      message: expect.stringMatching(/rtsp:\/\/host\/.*2018/) as string,
      hint: expect.stringContaining('EBM_TRACKER_OLD_FFMPEG=allow') as string,
    }) as object;
    expect(() => refuseOldBuild(carried, 'rtsp://host/', {})).toThrow(refused);
    refuseOldBuild(carried, 'rtsp://host/', { EBM_TRACKER_OLD_FFMPEG: 'allow' });
    const system = await findBinaries({ PATH: folder }, noPackages);
    expect([system.ffmpeg.source, oldBuildNote(system)]).toEqual(['PATH', undefined]);
    refuseOldBuild(system, 'rtsp://host/', {});
    const asked = await findBinaries({
      PATH: '',
      FFMPEG_PATH: carried.ffmpeg.path,
      FFPROBE_PATH: carried.ffprobe.path,
    });
    refuseOldBuild(asked, 'rtsp://host/', {});
  });

  it('tells which version it found, and what it passed over', async () => {
    const folder = await temporaryFolder();
    const programs = await fakePrograms(folder, 'N-47683-g0e8eb07980-static', 56);
    const { ffmpeg, passedOver } = await findBinaries({ PATH: folder }, noPackages);
    expect(ffmpeg).toMatchObject({ path: programs.ffmpeg, source: 'PATH', major: 4 });
    expect(passedOver).toHaveLength(1);
    expect(passedOver[0]).toContain('ffmpeg-static');
  });

  it('passes over a file on PATH that does not run and a program of another name', async () => {
    const folder = await temporaryFolder();
    const good = await fakePrograms(join(folder, 'good'), '7.1', 59);
    await mkdir(join(folder, 'bad'));
    await writeFile(join(folder, 'bad', 'ffmpeg'), '#!/bin/sh\n', { mode: 0o644 });
    const wrong = join(folder, 'wrong');
    await writeFile(wrong, '#!/bin/sh\necho "avconv version 12"\n', { mode: 0o755 });
    const load: PackageLoader = (name) => (name === 'ffmpeg-static' ? wrong : noPackages(name));
    const { ffmpeg, passedOver } = await findBinaries({ PATH: `${folder}/bad:${folder}/good` }, load);
    expect(ffmpeg.path).toBe(good.ffmpeg);
    expect(passedOver.join()).toContain(wrong);
  });

  it('sets the run bit of an installer package that lost it', async () => {
    const folder = await temporaryFolder();
    const programs = await fakePrograms(folder, '4.2', 56);
    await chmod(programs.ffprobe, 0o644);
    const load: PackageLoader = (name) => ({ path: name.includes('ffprobe') ? programs.ffprobe : programs.ffmpeg });
    const { ffprobe } = await findBinaries({ PATH: '' }, load);
    expect(ffprobe.path).toBe(programs.ffprobe);
    expect((await stat(programs.ffprobe)).mode & 0o111).toBe(0o111);
  });

  it('refuses a variable that names something else, whatever else there is', async () => {
    const folder = await temporaryFolder();
    const programs = await fakePrograms(folder, '7.1', 59);
    const missing = findBinaries({ PATH: folder, FFMPEG_PATH: join(folder, 'nothing') }, noPackages);
    await expect(missing).rejects.toMatchObject({
      code: 'FFMPEG_MISSING',
      message: expect.stringContaining('nothing'),
    });
    const swapped = findBinaries({ PATH: folder, FFPROBE_PATH: programs.ffmpeg }, noPackages);
    await expect(swapped).rejects.toMatchObject({ code: 'FFMPEG_MISSING' });
  });

  it('says so when no place has one', async () => {
    await expect(findBinaries({ PATH: '' }, noPackages)).rejects.toMatchObject({ code: 'FFMPEG_MISSING' });
  });

  it('finds the binaries that the installer packages carry', async () => {
    const { ffmpeg, ffprobe } = await findBinaries({ PATH: '' });
    expect([ffmpeg.source, ffprobe.source]).toContain('@ffprobe-installer/ffprobe');
    expect(ffmpeg.major).toBeGreaterThanOrEqual(4);
  });
});

describe('passthroughOption', () => {
  it('knows both names', () => {
    expect(option(4)).toEqual(['-vsync', 'passthrough']);
    expect(option(5)).toEqual(['-vsync', 'passthrough']);
    expect(option(8)).toEqual(['-fps_mode', 'passthrough']);
    expect(option(null)).toEqual(['-fps_mode', 'passthrough']);
  });
});

import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findBinaries, type Binaries } from '../../src/video/binaries.js';
import { capture } from '../../src/video/command.js';
import { openVideo } from '../../src/video/read.js';
import { openVideoWriter } from '../../src/video/write.js';
import { childProcesses, collect, temporaryFolder } from '../helpers/video.js';

type Rgb = readonly [number, number, number];

const plain = (width: number, height: number, colour: Rgb) => {
  const data = new Uint8Array(3 * width * height);
  for (let i = 0; i < data.length; i++) data[i] = colour[i % 3]!;
  return { data, width, height };
};

const RED: Rgb = [200, 30, 40];
const SIZE = { width: 64, height: 48, fps: 25 };

async function writePlain(path: string, options = SIZE, frames = 5, binaries?: Binaries): Promise<void> {
  const writer = await openVideoWriter(path, options, binaries);
  for (let i = 0; i < frames; i++) await writer.write(plain(options.width, options.height, RED));
  await writer.close();
}

/** The binaries with a shell script in ffmpeg's place. */
async function scripted(folder: string, script: string): Promise<Binaries> {
  const binaries = await findBinaries();
  const path = join(folder, 'ffmpeg.sh');
  await writeFile(path, `#!/bin/sh\nreal="${binaries.ffmpeg.path}"\n${script}\n`);
  await chmod(path, 0o755);
  return { ...binaries, ffmpeg: { ...binaries.ffmpeg, path } };
}

/** What ffmpeg says about a file. */
async function describeFile(path: string): Promise<string> {
  const { ffmpeg } = await findBinaries();
  return (await capture(ffmpeg.path, ['-hide_banner', '-i', path])).stderr;
}

const failedWith = (code: string) => expect.objectContaining({ code });

describe('openVideoWriter', () => {
  it('writes H.264 that comes back with the same count, rate, size and colours', async () => {
    const path = join(await temporaryFolder(), 'out.mp4');
    await writePlain(path, { width: 64, height: 48, fps: 30_000 / 1001 }, 31);
    const source = await openVideo(path);
    expect(source).toMatchObject({ width: 64, height: 48, frameCount: 31 });
    expect(source.fps).toBeCloseTo(29.97003, 4);
    const frames = await collect(source);
    expect(frames).toHaveLength(31);
    expect(frames[30]!.time).toBeCloseTo((30 * 1001) / 30_000, 3);
    const middle = frames[15]!.data.subarray(3 * (24 * 64 + 32), 3 * (24 * 64 + 32) + 3);
    RED.forEach((value, channel) => expect(Math.abs(middle[channel]! - value)).toBeLessThan(8));
    expect(await describeFile(path)).toMatch(/Video: h264.*yuv420p.*bt709/);
  });

  it('puts the index in front, for players that load as they play', async () => {
    const path = join(await temporaryFolder(), 'out.mp4');
    await writePlain(path);
    const bytes = await readFile(path);
    expect(bytes.indexOf('moov')).toBeGreaterThan(0);
    expect(bytes.indexOf('moov')).toBeLessThan(bytes.indexOf('mdat'));
  });

  it.each([
    [65, 48, 66, 48],
    [64, 47, 64, 48],
    [33, 31, 34, 32],
    [1, 1, 2, 2],
  ])('pads %i x %i to %i x %i', async (width, height, evenWidth, evenHeight) => {
    const path = join(await temporaryFolder(), 'out.mp4');
    await writePlain(path, { width, height, fps: 25 });
    expect(await openVideo(path)).toMatchObject({ width: evenWidth, height: evenHeight, frameCount: 5 });
  });

  it.each([0.5, 7.123, 23.976, 59.94, 119.88, 1000])('keeps the length at %d frames a second', async (fps) => {
    const path = join(await temporaryFolder(), 'out.mp4');
    await writePlain(path, { ...SIZE, fps }, 12);
    const frames = await collect(await openVideo(path));
    expect(frames).toHaveLength(12);
    expect(Math.abs(frames[11]!.time / (11 / fps) - 1)).toBeLessThan(0.02);
  });

  it('runs with the binary of the installer package', async () => {
    const { path: ffmpeg } = createRequire(import.meta.url)('@ffmpeg-installer/ffmpeg') as { path: string };
    const binaries = await findBinaries({ ...process.env, FFMPEG_PATH: ffmpeg });
    const path = join(await temporaryFolder(), 'out.mp4');
    await writePlain(path, SIZE, 7, binaries);
    expect(await collect(await openVideo(path, { binaries }))).toHaveLength(7);
  });

  it.each([25, 119.88])('falls back to MPEG-4 where there is no libx264, at %d frames a second', async (fps) => {
    const folder = await temporaryFolder();
    const binaries = await scripted(folder, 'case "$*" in *-encoders*) exit 0 ;; esac\nexec "$real" "$@"');
    const path = join(folder, 'out.mp4');
    await writePlain(path, { ...SIZE, fps }, 6, binaries);
    expect(await collect(await openVideo(path))).toHaveLength(6);
    expect(await describeFile(path)).toMatch(/Video: mpeg4/);
  });

  it('shows the file under its name when it is whole, and not before', async () => {
    const folder = await temporaryFolder();
    const path = join(folder, 'out.mp4');
    await writeFile(path, 'older');
    const writer = await openVideoWriter(path, SIZE);
    await writer.write(plain(64, 48, RED));
    expect(await readFile(path, 'utf8')).toBe('older');
    await writer.close();
    await writer.close();
    expect((await openVideo(path)).frameCount).toBe(1);
    expect(await readdir(folder)).toEqual(['out.mp4']);
  });

  it.each(['a b.mp4', '-y.mp4', 'http:x.mp4', 'a%03d.mp4', "it's [1].mp4", 'name without ending'])(
    'takes the path literally: %s',
    async (name) => {
      const folder = await temporaryFolder();
      await writePlain(join(folder, name));
      expect(await readdir(folder)).toEqual([name]);
    },
  );

  it('writes two videos of one name side by side; the last to close stays', async () => {
    const folder = await temporaryFolder();
    const path = join(folder, 'out.mp4');
    const [first, second] = [await openVideoWriter(path, SIZE), await openVideoWriter(path, SIZE)];
    await first.write(plain(64, 48, RED));
    await second.write(plain(64, 48, RED));
    await second.write(plain(64, 48, RED));
    await first.close();
    await second.close();
    expect((await openVideo(path)).frameCount).toBe(2);
    expect(await readdir(folder)).toEqual(['out.mp4']);
  });

  it('abort ends ffmpeg and leaves nothing', async () => {
    const folder = await temporaryFolder();
    const writer = await openVideoWriter(join(folder, 'out.mp4'), SIZE);
    await writer.write(plain(64, 48, RED));
    await writer.abort();
    await writer.abort();
    expect(await readdir(folder)).toEqual([]);
    expect(await childProcesses()).toEqual([]);
    await expect(writer.write(plain(64, 48, RED))).rejects.toEqual(failedWith('VIDEO_WRITE_FAILED'));
  });

  it('abort after close keeps the file', async () => {
    const path = join(await temporaryFolder(), 'out.mp4');
    const writer = await openVideoWriter(path, SIZE);
    await writer.write(plain(64, 48, RED));
    await writer.close();
    await writer.abort();
    expect((await openVideo(path)).frameCount).toBe(1);
  });

  it('waits for an ffmpeg that is slower, and comes back from the wait on abort', async () => {
    const folder = await temporaryFolder();
    const binaries = await scripted(folder, 'case "$*" in *-encoders*) exit 0 ;; esac\nexec sleep 60');
    const big = { width: 640, height: 480, fps: 25 };
    const writer = await openVideoWriter(join(folder, 'out.mp4'), big, binaries);
    let done = 0;
    const writing = (async () => {
      for (let i = 0; i < 50; i++, done++) await writer.write(plain(640, 480, RED));
    })().catch((error: unknown) => error);
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(done).toBeLessThan(5);
    await writer.abort();
    expect(await writing).toEqual(failedWith('VIDEO_WRITE_FAILED'));
    expect(await readdir(folder)).toEqual(['ffmpeg.sh']);
  });

  it('reports an ffmpeg that dies half-way with its own words, and removes what it wrote', async () => {
    const folder = await temporaryFolder();
    const dying = [
      'case "$*" in *-encoders*) exit 0 ;; esac',
      'for last; do :; done',
      'echo part > "$last"; head -c 20000 > /dev/null; echo "No space left on device" >&2; exit 1',
    ];
    const binaries = await scripted(folder, dying.join('\n'));
    const writer = await openVideoWriter(join(folder, 'out.mp4'), SIZE, binaries);
    const writing = (async () => {
      for (let i = 0; i < 1000; i++) await writer.write(plain(64, 48, RED));
    })();
    await expect(writing).rejects.toEqual(failedWith('VIDEO_WRITE_FAILED'));
    await expect(writing).rejects.toThrow('No space left on device');
    await expect(writer.close()).rejects.toEqual(failedWith('VIDEO_WRITE_FAILED'));
    expect(await readdir(folder)).toEqual(['ffmpeg.sh']);
  });

  it('reports a failure that shows at the end only', async () => {
    const folder = await temporaryFolder();
    const binaries = await scripted(
      folder,
      'case "$*" in *-encoders*) exit 0 ;; esac\ncat > /dev/null\necho late >&2\nexit 1',
    );
    const writer = await openVideoWriter(join(folder, 'out.mp4'), SIZE, binaries);
    await writer.write(plain(64, 48, RED));
    await expect(writer.close()).rejects.toEqual(failedWith('VIDEO_WRITE_FAILED'));
    expect(await readdir(folder)).toEqual(['ffmpeg.sh']);
  });

  it.each([
    ['cut off', 'head -c 900 "$last" > "$last.cut"; mv "$last.cut" "$last"'],
    ['without an index', 'printf "\\0\\0\\0\\10free" > "$last"'],
    ['empty', ': > "$last"'],
  ])('does not take for a success that ffmpeg returned 0: a file %s', async (_, damage) => {
    const folder = await temporaryFolder();
    const script = `case "$*" in *-encoders*) exit 0 ;; esac\nfor last; do :; done\n"$real" "$@"; ${damage}\nexit 0`;
    const binaries = await scripted(folder, script);
    const path = join(folder, 'out.mp4');
    await writeFile(path, 'older');
    await expect(writePlain(path, SIZE, 5, binaries)).rejects.toEqual(failedWith('VIDEO_WRITE_FAILED'));
    expect(await readFile(path, 'utf8')).toBe('older');
    expect((await readdir(folder)).toSorted()).toEqual(['ffmpeg.sh', 'out.mp4']);
  });

  it('reports an ffmpeg that cannot be started', async () => {
    const folder = await temporaryFolder();
    const found = await findBinaries();
    const binaries = { ...found, ffmpeg: { ...found.ffmpeg, path: join(folder, 'none') } };
    const writer = await openVideoWriter(join(folder, 'out.mp4'), SIZE, binaries);
    await expect(writer.write(plain(64, 48, RED)).then(() => writer.close())).rejects.toEqual(
      failedWith('VIDEO_WRITE_FAILED'),
    );
  });

  it('refuses a video without frames, a frame of another size, and a frame after the end', async () => {
    const folder = await temporaryFolder();
    const empty = await openVideoWriter(join(folder, 'empty.mp4'), SIZE);
    await expect(empty.close()).rejects.toEqual(failedWith('VIDEO_WRITE_FAILED'));
    const writer = await openVideoWriter(join(folder, 'out.mp4'), SIZE);
    await expect(writer.write(plain(48, 64, RED))).rejects.toEqual(failedWith('VIDEO_WRITE_FAILED'));
    await expect(writer.write({ ...plain(64, 48, RED), data: new Uint8Array(5) })).rejects.toEqual(
      failedWith('VIDEO_WRITE_FAILED'),
    );
    await writer.write(plain(64, 48, RED));
    await writer.close();
    await expect(writer.write(plain(64, 48, RED))).rejects.toEqual(failedWith('VIDEO_WRITE_FAILED'));
    expect(await readdir(folder)).toEqual(['out.mp4']);
  });

  it('says at once that nothing can be written there', async () => {
    const folder = await temporaryFolder();
    await mkdir(join(folder, 'sub.mp4'));
    for (const path of [join(folder, 'none', 'out.mp4'), join(folder, 'sub.mp4')]) {
      await expect(openVideoWriter(path, SIZE)).rejects.toEqual(failedWith('VIDEO_WRITE_FAILED'));
    }
  });

  it.each([{ fps: 0 }, { fps: Number.NaN }, { fps: 90_000 }, { width: 0 }, { height: 2.5 }])(
    'refuses %o',
    async (wrong) => {
      const path = join(await temporaryFolder(), 'out.mp4');
      await expect(openVideoWriter(path, { ...SIZE, ...wrong })).rejects.toEqual(failedWith('OPTION_INVALID'));
    },
  );
});

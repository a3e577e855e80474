/** What stands on the disk while results come, when they end, and when they break off. */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Writable } from 'node:stream';
import { beforeEach, describe, expect, it } from 'vitest';
import { openOutputs, type OutputPaths, type Outputs } from '../../src/cli/outputs.js';
import { parseBoxes } from '../../src/io/boxes.js';
import { readTracks } from '../../src/io/tracks.js';
import type { TrackedObjects } from '../../src/tracker/track-video.js';
import { openVideo } from '../../src/video/read.js';
import { collect, temporaryFolder } from '../helpers/video.js';

const [WIDTH, HEIGHT] = [64, 48];
const SOURCE = { path: 'clip.mp4', width: WIDTH, height: HEIGHT, fps: 25, pixelAspect: [1, 1] as const };

let folder: string;
const at = (name: string): string => path.join(folder, name);
const text = (name: string): Promise<string> => readFile(at(name), 'utf8');
const names = async (): Promise<string[]> => (await readdir(folder)).toSorted();
beforeEach(async () => {
  folder = await temporaryFolder();
});

function tracked(frame: number): TrackedObjects {
  const result = { box: { x: 10 + frame, y: 5, w: 20, h: 30 }, confidence: 0.5, state: 'tracking' as const };
  const image = {
    data: new Uint8Array(3 * WIDTH * HEIGHT),
    width: WIDTH,
    height: HEIGHT,
    index: frame,
    time: frame / 25,
  };
  return { frame, time: frame / 25, image, objects: [result] };
}

const sink = (): Writable => new Writable({ write: (_chunk, _encoding, done) => done() });

async function open(paths: OutputPaths, frames: number, stdout: NodeJS.WritableStream = sink()): Promise<Outputs> {
  const outputs = await openOutputs(paths, [1], SOURCE, stdout);
  for (let frame = 0; frame < frames; frame++) await outputs.write(tracked(frame));
  return outputs;
}

describe('rows in a file', () => {
  it.each(['boxes.csv', 'boxes.jsonl', 'boxes.xml', 'boxes.coco.json', 'boxes.ls.json', 'boxes.ass', 'boxes.txt'])(
    '%s: after a failure they are whole beside an older file, which stays',
    async (name) => {
      await writeFile(at(name), 'older');
      const outputs = await open({ rows: at(name) }, 3);
      expect(outputs.waiting).toBe(at(`${name}.partial`));
      expect(await text(name)).toBe('older');
      expect(await outputs.keep()).toEqual([{ older: at(name), kept: at(`${name}.partial`) }]);
      expect(await text(name)).toBe('older');
      const media = { name, width: WIDTH, height: HEIGHT, fps: 25 };
      await writeFile(at(`kept-${name}`), await text(`${name}.partial`));
      const rows = await readTracks(at(`kept-${name}`), { media });
      expect(rows.map(({ frame, box }) => [frame, Math.round(box.x)])).toEqual([
        [0, 10],
        [1, 11],
        [2, 12],
      ]);
    },
  );

  it('take the place of an older file when the run ends', async () => {
    await writeFile(at('boxes.csv'), 'older');
    await (await open({ rows: at('boxes.csv') }, 3)).close();
    expect(await names()).toEqual(['boxes.csv']);
    expect(parseBoxes(await text('boxes.csv'), 'csv', 'boxes.csv')).toHaveLength(3);
  });

  it.each(['boxes.csv', 'boxes.ls.json'])('%s: of a new file are whole after a failure', async (name) => {
    const outputs = await open({ rows: at(name) }, 3);
    if (name.endsWith('.csv')) expect(await text(name)).toMatch(/^frame,time.*\n(.*\n){3}$/);
    expect(await outputs.keep()).toEqual([]);
    expect(await names()).toEqual([name]);
    const media = { name: 'clip.mp4', width: WIDTH, height: HEIGHT, fps: 25 };
    expect(await readTracks(at(name), { media })).toHaveLength(3);
  });

  it('are not begun where the video beside them cannot be', async () => {
    await writeFile(at('boxes.csv'), 'older');
    const paths = { rows: at('boxes.csv'), video: path.join(folder, 'none', 'drawn.mp4') };
    await expect(open(paths, 1)).rejects.toMatchObject({ code: 'VIDEO_WRITE_FAILED' });
    expect(await names()).toEqual(['boxes.csv']);
    expect(await text('boxes.csv')).toBe('older');
  });
});

describe('a video', () => {
  it('stays beside an older one after a failure, and plays', async () => {
    await writeFile(at('drawn.mp4'), 'older');
    const outputs = await open({ video: at('drawn.mp4'), noRows: true }, 4);
    expect(await outputs.keep()).toEqual([{ older: at('drawn.mp4'), kept: at('drawn.mp4.partial') }]);
    expect(await text('drawn.mp4')).toBe('older');
    expect(await names()).toEqual(['drawn.mp4', 'drawn.mp4.partial']);
    expect(await collect(await openVideo(at('drawn.mp4.partial')))).toHaveLength(4);
  });

  it('is kept under its own name where there is no older one', async () => {
    expect(await (await open({ video: at('drawn.mp4'), noRows: true }, 4)).keep()).toEqual([]);
    expect(await collect(await openVideo(at('drawn.mp4')))).toHaveLength(4);
  });
});

/** Takes some lines, then fails as a pipe or a disk does. */
function failing(after: number, code: string): Writable {
  let left = after;
  return new Writable({
    write: (_chunk, _encoding, done) => done(left-- > 0 ? null : Object.assign(new Error(code), { code })),
  });
}

describe('rows to stdout', () => {
  it.each(['EPIPE', 'EOF', 'ECONNRESET'])(
    'end without an error where the reader has seen enough (%s)',
    async (code) => {
      const outputs = await openOutputs({}, [1], SOURCE, failing(2, code));
      const wanted = [];
      for (let frame = 0; frame < 4; frame++) wanted.push(await outputs.write(tracked(frame)));
      expect(wanted).toEqual([true, false, false, false]);
      await expect(outputs.close()).resolves.toBeUndefined();
    },
  );

  it('are not all that is wanted: the video goes on and is whole', async () => {
    const outputs = await openOutputs({ video: at('drawn.mp4') }, [1], SOURCE, failing(0, 'EPIPE'));
    for (let frame = 0; frame < 5; frame++) expect(await outputs.write(tracked(frame))).toBe(true);
    await outputs.close();
    expect(await collect(await openVideo(at('drawn.mp4')))).toHaveLength(5);
  });

  it('fail where the disk is full', async () => {
    const outputs = await openOutputs({}, [1], SOURCE, failing(2, 'ENOSPC'));
    await outputs.write(tracked(0));
    await expect(outputs.write(tracked(1))).rejects.toMatchObject({ code: 'OUTPUT_FAILED' });
    expect(await outputs.keep()).toEqual([]);
  });
});

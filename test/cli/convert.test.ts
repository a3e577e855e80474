import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { readTracks, writeTracks, type TrackRow } from '../../src/io/tracks.js';
import { openVideo } from '../../src/video/read.js';
import { cli } from '../helpers/terminal.js';
import { collect, makeNumberedVideo, temporaryFolder } from '../helpers/video.js';

const ROWS = [0, 1, 3].map((frame): TrackRow => ({
  id: 1,
  frame,
  time: frame / 25,
  box: { x: 10 + frame, y: 5, w: 20, h: 30.5 },
  confidence: 0.75,
  state: 'tracking',
}));

async function folderWithBoxes(): Promise<{ folder: string; boxes: string; video: string }> {
  const folder = await temporaryFolder();
  const boxes = path.join(folder, 'boxes.csv');
  await writeTracks(boxes, ROWS, { name: 'boxes' });
  return { folder, boxes, video: path.join(folder, 'clip.mp4') };
}

/** An object in frame 1 alone. */
const TRACK =
  '<track id="3"><box frame="1" outside="0" xtl="1" ytl="2" xbr="3" ybr="4"/><box frame="2" outside="1" xtl="1" ytl="2" xbr="3" ybr="4"/></track>';

function codeIn(err: string): string | undefined {
  return /^error ([A-Z_]+): .+\nhint: .+$/m.exec(err)?.[1];
}

describe('convert', () => {
  it('goes through every format and comes back', async () => {
    const { folder, boxes, video } = await folderWithBoxes();
    await makeNumberedVideo(video, { frames: 6 });
    const names = ['boxes.csv', 'a.txt', 'a.coco.json', 'a.xml', 'a.ls.json', 'a.ass', 'a.jsonl'];
    for (const [i, name] of names.slice(1).entries()) {
      const args = [path.join(folder, names[i]!), path.join(folder, name), '--video', video];
      const { exitCode, out, err } = await cli('convert', ...args);
      expect([exitCode, out]).toEqual([0, '']);
      expect(err).toMatch(/^wrote .*: \d boxes of 1 object\(s\)\n$/);
    }
    const found = (await readTracks(path.join(folder, 'a.jsonl'))).filter(({ state }) => state !== 'lost');
    expect(found).toEqual(ROWS);
    expect(boxes).toContain('boxes.csv');
  });

  it('takes size and rate from flags', async () => {
    const { folder, boxes } = await folderWithBoxes();
    const out = path.join(folder, 'a.json');
    const { exitCode } = await cli(
      'convert',
      boxes,
      out,
      '--to',
      'labelstudio',
      '--size',
      '64x48',
      '--fps',
      '30000/1001',
    );
    expect(exitCode).toBe(0);
    expect(JSON.parse(await readFile(out, 'utf8'))).toMatchObject([
      { data: { width: 64, height: 48, fps: 30000 / 1001 } },
    ]);
  });

  it('draws the boxes into the video', async () => {
    const { folder, boxes, video } = await folderWithBoxes();
    await makeNumberedVideo(video, { frames: 6 });
    const drawn = path.join(folder, 'drawn.mp4');
    expect((await cli('convert', boxes, drawn, '--video', video)).exitCode).toBe(0);
    const frames = await collect(await openVideo(drawn));
    expect(frames).toHaveLength(6);
    // green at the box's left edge in frame 3, grey in frame 2, which has no box
    const greenness = frames.map(({ data, width }) => data[3 * (20 * width + 13) + 1]! - data[3 * (20 * width + 13)]!);
    expect(greenness[3]).toBeGreaterThan(40);
    expect(Math.abs(greenness[2]!)).toBeLessThan(20);
  });

  it.each<[string, string, (boxes: string, folder: string) => string[]]>([
    ['no size', 'OPTION_INVALID', (boxes, folder) => [boxes, path.join(folder, 'a.xml')]],
    ['an unknown ending', 'OPTION_INVALID', (boxes, folder) => [boxes, path.join(folder, 'a.doc')]],
    ['an unknown format', 'OPTION_INVALID', (boxes, folder) => [boxes, path.join(folder, 'a.txt'), '--to', 'yolo']],
    ['a size of words', 'OPTION_INVALID', (boxes, folder) => [boxes, path.join(folder, 'a.xml'), '--size', 'hd']],
    ['no rate', 'OPTION_INVALID', (boxes, folder) => [boxes, path.join(folder, 'a.xml'), '--fps', '0']],
    ['no video to draw into', 'OPTION_INVALID', (boxes, folder) => [boxes, path.join(folder, 'a.mp4')]],
    ['the input as output', 'OPTION_INVALID', (boxes) => [boxes, boxes]],
    ['no input', 'INPUT_NOT_FOUND', (_, folder) => [path.join(folder, 'none.csv'), path.join(folder, 'a.txt')]],
    ['no folder', 'OUTPUT_FAILED', (boxes, folder) => [boxes, path.join(folder, 'none', 'a.txt')]],
  ])('%s: %s, and nothing is written', async (_, code, args) => {
    const { folder, boxes } = await folderWithBoxes();
    const { exitCode, err } = await cli('convert', ...args(boxes, folder));
    expect(codeIn(err)).toBe(code);
    expect(exitCode).toBeGreaterThan(0);
    expect(await readdir(folder)).toEqual(['boxes.csv']);
  });

  it.each([
    [
      'polygons only',
      '<track id="0"><polygon frame="0" points="1,2;3,4;5,6"/></track>',
      /found no box, but 1 polygon/,
      [],
    ],
    ['nothing', '', /found no box; expected one box at least/, []],
    ['the same object twice', `${TRACK}${TRACK}`, /object 3 stands twice in frame 1/, []],
    ['another task', TRACK, /task "5"/, ['--task', '5']],
  ])('%s: says what it found, exit code 1, and nothing is written', async (_, body, message, more) => {
    const { folder } = await folderWithBoxes();
    const file = path.join(folder, 'a.xml');
    await writeFile(file, `<annotations>${body}</annotations>`);
    const { exitCode, err } = await cli('convert', file, path.join(folder, 'out.txt'), ...more);
    expect([exitCode, codeIn(err)]).toEqual([1, 'DATA_INVALID']);
    expect(err).toMatch(message);
    expect(await readdir(folder)).not.toContain('out.txt');
  });

  it('says what it left out, and takes the extent where that is asked for', async () => {
    const { folder } = await folderWithBoxes();
    const [file, out] = [path.join(folder, 'a.xml'), path.join(folder, 'out.csv')];
    const polygon =
      '<track id="9"><polygon frame="1" outside="0" points="1,2;5,4;3,8"/><polygon frame="2" outside="1" points="1,1;2,2;3,3"/></track>';
    await writeFile(file, `<annotations>${TRACK}${polygon}</annotations>`);
    expect((await cli('convert', file, out)).err).toMatch(
      /^warning: .*a.xml: left out 2 polygons; read 2 boxes\nwrote/,
    );
    const { exitCode, err } = await cli('convert', file, out, '--extent');
    expect(exitCode).toBe(0);
    expect(err).toMatch(/took the extent of 2 polygons/);
    expect((await readTracks(out)).find(({ id }) => id === 9)).toMatchObject({
      frame: 1,
      box: { x: 1, y: 2, w: 4, h: 6 },
    });
  });

  it('finds the pictures that boxes belong to by their names', async () => {
    const { folder } = await folderWithBoxes();
    const pictures = path.join(folder, 'pictures');
    await mkdir(pictures);
    await makeNumberedVideo(path.join(pictures, 'shot-%d.png'), {
      frames: 12,
      output: ['-c:v', 'png', '-start_number', '95'],
    });
    const coco = { images: [{ id: 1, file_name: 'shot-100.png' }], annotations: [{ image_id: 1, bbox: [1, 2, 3, 4] }] };
    const [file, out] = [path.join(folder, 'a.coco.json'), path.join(folder, 'out.csv')];
    await writeFile(file, JSON.stringify(coco));
    expect((await cli('convert', file, out, '--video', pictures)).exitCode).toBe(0);
    expect(await readTracks(out)).toMatchObject([{ frame: 5, time: 0.2 }]);
  });

  it('leaves an older output where the input is damaged', async () => {
    const { folder } = await folderWithBoxes();
    const [damaged, out] = [path.join(folder, 'bad.xml'), path.join(folder, 'a.txt')];
    await writeFile(damaged, '<annotations><track');
    await writeFile(out, 'older');
    const { err } = await cli('convert', damaged, out);
    expect(codeIn(err)).toBe('DATA_INVALID');
    expect(await readFile(out, 'utf8')).toBe('older');
  });
});

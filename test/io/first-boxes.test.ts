import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { readFirstBoxes } from '../../src/io/first-boxes.js';
import { writeTracks } from '../../src/io/tracks.js';
import { temporaryFolder } from '../helpers/video.js';

async function read(name: string, text: string) {
  const file = path.join(await temporaryFolder(), name);
  await writeFile(file, text);
  return readFirstBoxes(file);
}

const TWO = [
  { id: 1, box: { x: 1.5, y: -2, w: 30, h: 4 } },
  { id: 2, box: { x: 5, y: 6, w: 7, h: 8 } },
];

describe('first boxes', () => {
  it.each([
    ['a list of lists', 'a.json', '[[1.5, -2, 30, 4], [5, 6, 7, 8]]'],
    ['a list of objects', 'a.json', '[{"x":1.5,"y":-2,"w":30,"h":4},{"x":5,"y":6,"w":7,"h":8,"label":"cup"}]'],
    ['an object with boxes', 'a.JSON', '{"boxes": [[1.5, -2, 30, 4], {"x":5,"y":6,"w":7,"h":8}]}'],
    ['lines', 'a.csv', '1.5,-2,3e1,4\n5, 6, 7, 8\n'],
    ['lines with a header', 'a.csv', 'h,w,y,x\r\n4,30,-2,1.5\r\n8,7,6,5\r\n'],
  ])('reads %s', async (_, name, text) => {
    expect(await read(name, text)).toEqual(TWO);
  });

  it('takes the ids that are there', async () => {
    const boxes = await read('a.csv', 'id,x,y,w,h\n7,1,2,3,4\n3,5,6,7,8\n');
    expect(boxes.map(({ id }) => id)).toEqual([7, 3]);
  });

  it.each([
    ['no JSON', 'a.json', '[[1, 2', /expected JSON/],
    ['another JSON value', 'a.json', '7', /expected a list/],
    ['an entry of three', 'a.json', '[[1,2,3,4],[1,2,3]]', /box 2.*\[1,2,3\]/],
    ['a missing value', 'a.json', '[{"x":1,"y":2,"w":3}]', /box 1: h: found undefined/],
    ['no number', 'a.csv', '1,2,3,4\n1,2,three,4\n', /line 2: w: found "three", expected a number/],
    ['an empty cell', 'a.csv', '1,2,,4\n', /line 1: w: found undefined/],
    ['too few cells', 'a.csv', '1,2,3,4\n1,2,3\n', /line 2: found 3 fields/],
    ['an id twice', 'a.csv', 'id,x,y,w,h\n1,1,2,3,4\n1,1,2,3,4\n', /line 3: id: found 1 again/],
    ['a broken id', 'a.csv', 'id,x,y,w,h\n1.5,1,2,3,4\n', /id: found 1.5/],
    ['no box', 'a.csv', 'x,y,w,h\n', /no box/],
    ['an empty file', 'a.csv', '', /no box/],
  ])('refuses %s', async (_, name, text, message) => {
    await expect(read(name, text)).rejects.toMatchObject({
      code: 'DATA_INVALID',
      message: expect.stringMatching(message) as string,
    });
  });

  it.each(['a.txt', 'a.xml', 'a.ass', 'a.jsonl', 'coco.json', 'a.ls.json'])(
    'reads those of the first frame of %s',
    async (name) => {
      const file = path.join(await temporaryFolder(), name);
      const rows = [3, 4].flatMap((frame) =>
        TWO.map((first) => ({ ...first, frame, time: frame / 25, confidence: 1, state: 'tracking' as const })),
      );
      const media = { name: 'clip.mp4', width: 640, height: 360, fps: 25 };
      await writeTracks(file, rows, media, name === 'coco.json' ? 'coco' : undefined);
      const found = await readFirstBoxes(file);
      expect(found.map(({ id }) => id)).toEqual([1, 2]);
      for (const [i, { box }] of found.entries()) {
        for (const key of ['x', 'y', 'w', 'h'] as const) expect(box[key]).toBeCloseTo(TWO[i]!.box[key], 2);
      }
    },
  );

  it('refuses another ending and a file that is not there', async () => {
    await expect(read('a.doc', '1,2,3,4')).rejects.toMatchObject({ code: 'OPTION_INVALID' });
    await expect(readFirstBoxes('no/such.csv')).rejects.toMatchObject({ code: 'INPUT_NOT_FOUND' });
  });
});

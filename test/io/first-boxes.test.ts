import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { readFirstBoxes, type FirstBoxOptions } from '../../src/io/first-boxes.js';
import { writeTracks } from '../../src/io/tracks.js';
import { temporaryFolder } from '../helpers/video.js';

async function read(name: string, text: string, options: FirstBoxOptions = {}) {
  const file = path.join(await temporaryFolder(), name);
  await writeFile(file, text);
  return readFirstBoxes(file, options);
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
    ['semicolons and decimal commas', 'a.csv', '1,5;-2;30;4\n5;6;7;8\n'],
    ['lines with Windows line ends and blank ones', 'a.csv', '\uFEFFX,Y,W,H\r\n1.5,-2,30,4\r\n  \r\n5,6,7,8\r\n\r\n'],
    ['a list with a mark', 'a.json', '\uFEFF[[1.5, -2, 30, 4], [5, 6, 7, 8]]'],
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
    ['columns of other names', 'a.csv', 'left,top,width,height\n1,2,3,4\n', /line 1: found the columns left,top/],
    ['no number in the first line', 'a.csv', 'nan,1,2,3\n', /line 1: x: found NaN/],
    ['a frame that is none', 'a.csv', 'frame,x,y,w,h\n-1,1,2,3,4\n', /line 2: frame: found -1/],
    ['thousands separators', 'a.csv', '1.234,5;2;3;4\n', /line 1: x: .*thousands/],
    ['an empty file', 'a.csv', '', /no box/],
  ])('refuses %s', async (_, name, text, message) => {
    await expect(read(name, text)).rejects.toMatchObject({
      code: 'DATA_INVALID',
      message: expect.stringMatching(message) as string,
    });
  });

  const LATER =
    'frame,time,id,x,y,w,h,confidence,state\n3,0.1,1,9,9,9,9,1,lost\n4,0.2,1,1.5,-2,30,4,1,tracking\n4,0.2,2,5,6,7,8,1,tracking\n' +
    '6,0.3,1,1,1,1,1,1,tracking\n6,0.3,7,2,2,2,2,1,tracking\n';
  const TRACKS = `<annotations><meta><task><size>9</size></task></meta>
<track id="1" label="a"><box frame="4" outside="0" xtl="1.5" ytl="-2" xbr="31.5" ybr="2"/><box frame="6" outside="0" xtl="1" ytl="1" xbr="2" ybr="2"/></track>
<track id="2" label="a"><box frame="4" outside="0" xtl="5" ytl="6" xbr="12" ybr="14"/><box frame="5" outside="1" xtl="5" ytl="6" xbr="12" ybr="14"/></track>
<track id="7" label="a"><box frame="6" outside="0" xtl="2" ytl="2" xbr="4" ybr="4"/></track></annotations>`;
  const LIST = JSON.stringify([
    { frame: 6, id: 7, x: 2, y: 2, w: 2, h: 2 },
    ...TWO.map(({ id, box }) => ({ id, frame: 4, ...box })),
    { frame: 6, id: 1, x: 1, y: 1, w: 1, h: 1 },
  ]);

  it.each([
    ['a result file', 'a.csv', LATER],
    ['tracks', 'a.xml', TRACKS],
    ['a list', 'a.json', LIST],
  ])(
    'takes the boxes of the first frame with any in sight from %s, says which, and what begins later',
    async (_, name, text) => {
      const notes: string[] = [];
      expect(await read(name, text, { onNote: (note) => notes.push(note) })).toEqual(
        TWO.map((one) => ({ ...one, frame: 4 })),
      );
      expect(notes).toEqual([expect.stringMatching(/not in sight in frame 4, and not tracked: object 7$/)]);
    },
  );

  it.each([
    ['a result file', 'a.csv', LATER],
    ['tracks', 'a.xml', TRACKS],
    ['a list', 'a.json', LIST],
  ])('takes those of the frame that is asked for from %s, or says which frames have some', async (_, name, text) => {
    const found = await read(name, text, { frame: 6 });
    expect(found.map(({ id, frame, box: { x } }) => [id, frame, x]).toSorted()).toEqual([[1, 6, 1], [7, 6, 2]]); // prettier-ignore
    await expect(read(name, text, { frame: 2 })).rejects.toMatchObject({
      code: 'DATA_INVALID',
      message: expect.stringMatching(/found no box in frame 2, but some in \d frames from 4/) as string,
      hint: expect.stringContaining('--start 4') as string,
    });
  });

  it('numbers the boxes of files that say of none which object it is', async () => {
    const images = [{ id: 1, frame_id: 3 }];
    const annotations = TWO.map(({ box: { x, y, w, h } }) => ({ image_id: 1, bbox: [x, y, w, h] }));
    const found = await read('coco.json', JSON.stringify({ images, annotations }));
    expect(found).toEqual(TWO.map((one) => ({ ...one, frame: 3 })));
    const mixed = await read('a.json', '[{"id":1,"x":1,"y":1,"w":1,"h":1},[2,2,2,2],{"id":2,"x":3,"y":3,"w":3,"h":3}]');
    expect(mixed.map(({ id }) => id)).toEqual([1, 3, 2]);
  });

  it('says what a file holds that has no box', async () => {
    const polygon = '<annotations><track id="0"><polygon frame="0" points="1,2;3,4;5,6"/></track></annotations>';
    await expect(read('a.xml', polygon)).rejects.toThrow(/found no box, but 1 polygon/);
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

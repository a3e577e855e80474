import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  FORMAT_NAMES,
  formatOfName,
  formatTracks,
  parseTracks,
  readTracks,
  writeTracks,
  type FormatName,
  type Media,
  type TrackRow,
} from '../../src/io/tracks.js';
import { temporaryFolder } from '../helpers/video.js';

const MEDIA: Media = { name: 'a <clip> & "more".mp4', width: 1279, height: 720, fps: 25, frameCount: 500 };
const codeOf = (code: string): object => expect.objectContaining({ code }) as object;
/** Formats that hold the state of every frame. */
const WITH_STATE: readonly FormatName[] = ['csv', 'jsonl', 'ass', 'cvat'];

const pixels = (min: number, max: number): fc.Arbitrary<number> =>
  fc.integer({ min: min * 1000, max: max * 1000 }).map((n) => n / 1000);

function rowsOf(objects: number): fc.Arbitrary<TrackRow[]> {
  const row = fc.record({
    id: fc.integer({ min: 1, max: objects }),
    frame: fc.nat(400),
    box: fc.record({ x: pixels(-50, 1300), y: pixels(-50, 800), w: pixels(1, 500), h: pixels(1, 500) }),
    confidence: fc.nat(10_000).map((n) => n / 1e4),
    state: fc.constantFrom('tracking', 'uncertain', 'lost', 'found'),
  });
  const unique = fc.uniqueArray(row, { selector: ({ id, frame }) => `${id} ${frame}`, maxLength: 60 });
  return unique.map((rows) =>
    rows.map((one) => ({ ...one, time: one.frame / 25 })).toSorted((a, b) => a.frame - b.frame || a.id - b.id),
  );
}

/** Same objects in the same frames, boxes to 0.01 pixel. */
function expectSame(
  found: readonly TrackRow[],
  expected: readonly TrackRow[],
  compare: (row: TrackRow) => unknown,
): void {
  expect(found.map(compare)).toEqual(expected.map(compare));
  for (const [i, { box }] of found.entries()) {
    for (const key of ['x', 'y', 'w', 'h'] as const)
      expect(Math.abs(box[key] - expected[i]!.box[key]), `${key} of row ${i}`).toBeLessThan(0.01);
  }
}

describe('what is written is read', () => {
  it.each(FORMAT_NAMES)('%s', (format) => {
    fc.assert(
      fc.property(fc.constantFrom(1, 4).chain(rowsOf), (rows) => {
        const found = parseTracks(formatTracks(rows, format, MEDIA), format, MEDIA, 'text');
        // CVAT ends each run of boxes with one that says that the object is gone
        const told = format === 'cvat' ? found.filter(({ state }) => state !== 'lost') : found;
        const kept =
          format === 'cvat' || !WITH_STATE.includes(format) ? rows.filter(({ state }) => state !== 'lost') : rows;
        expectSame(told, kept, ({ id, frame, time, confidence }) => [id, frame, time.toFixed(6), confidence]);
        if (WITH_STATE.includes(format)) expect(told.map(({ state }) => state)).toEqual(kept.map(({ state }) => state));
      }),
      { numRuns: 40 },
    );
  });

  it.each(FORMAT_NAMES)('%s: no rows', (format) => {
    expect(parseTracks(formatTracks([], format, MEDIA), format, MEDIA, 'text')).toEqual([]);
  });
});

const row = (frame: number, more: Partial<TrackRow> = {}): TrackRow => ({
  id: 1,
  frame,
  time: frame / 25,
  box: { x: 10, y: 20, w: 30, h: 40 },
  confidence: 0.5,
  state: 'tracking',
  ...more,
});
const RUN = [row(0), row(1, { state: 'uncertain' }), row(2, { state: 'lost' }), row(3, { state: 'found' })];

describe('conventions', () => {
  it('MOT: frames and pixels from 1, no line for what is lost', () => {
    expect(formatTracks(RUN, 'mot', MEDIA)).toBe(
      '1,1,11,21,30,40,0.5,-1,-1,-1\n2,1,11,21,30,40,0.5,-1,-1,-1\n4,1,11,21,30,40,0.5,-1,-1,-1\n',
    );
  });

  it('MOT: reads ground truth, without the lines that do not count', () => {
    const truth = '1,7,1,1,5,5,0,1,0.2\n3, 8, 1.5, 1, 5, 5, 1, 1, 0.2\r\n';
    expect(parseTracks(truth, 'mot', MEDIA, 'gt')).toEqual([
      { id: 8, frame: 2, time: 0.08, box: { x: 0.5, y: 0, w: 5, h: 5 }, confidence: 1, state: 'tracking' },
    ]);
  });

  it.each([
    ['semicolons and decimal commas', '3;8;1,5;1;5;5;1\n'],
    ['blanks', '3 8 1.5 1 5 5 1\n'],
    ['line ends of old Macs', '3,8,1.5,1,5,5,1\r\r'],
    ['powers of ten', '3,8,15e-1,1,5,5,1e0\n'],
  ])('MOT: reads %s', (_, text) => {
    expect(parseTracks(text, 'mot', MEDIA, 'gt')).toMatchObject([
      { id: 8, frame: 2, box: { x: 0.5, y: 0, w: 5, h: 5 } },
    ]);
  });

  it('MOT: says where no line is to be counted', () => {
    expect(() => parseTracks('1,7,1,1,5,5,0,1,0.2\n', 'mot', MEDIA, 'gt')).toThrow(/found no box, but 1 line that/);
  });

  it('COCO: frames from 0, ids from 1, sizes', () => {
    const { images, annotations, videos } = JSON.parse(formatTracks(RUN, 'coco', MEDIA)) as Record<string, object[]>;
    expect(videos).toMatchObject([{ id: 1, width: 1279, height: 720, length: 500 }]);
    expect(images).toHaveLength(4);
    expect(images![3]).toMatchObject({ id: 4, video_id: 1, frame_id: 3 });
    expect(annotations).toHaveLength(3);
    expect(annotations![1]).toMatchObject({ id: 2, image_id: 2, track_id: 1, instance_id: 1, bbox: [10, 20, 30, 40] });
    expect(annotations![1]).toMatchObject({ area: 1200, iscrowd: 0, attributes: { occluded: true } });
  });

  it('COCO: images that do not tell their frame follow each other', () => {
    const text = JSON.stringify({
      images: [{ id: 30 }, { id: 20 }],
      annotations: [{ image_id: 30, bbox: [1, 2, 3, 4] }],
    });
    expect(parseTracks(text, 'coco', MEDIA, 'text')).toMatchObject([{ frame: 1, id: 1 }]);
  });

  it('CVAT: corners, frames from 0, outside and occluded; the last box ends the track', () => {
    const text = formatTracks(RUN, 'cvat', MEDIA);
    const boxes = [...text.matchAll(/<box frame="(\d+)" keyframe="1" outside="(\d)" occluded="(\d)" ([^>]*)>/g)];
    expect(boxes.map(([, ...found]) => found.slice(0, 3).join(' '))).toEqual([
      '0 0 0',
      '1 0 1',
      '2 1 0',
      '3 0 0',
      '4 1 0',
    ]);
    expect(boxes[0]![4]).toBe('xtl="10" ytl="20" xbr="40" ybr="60" z_order="0"');
    expect(text).toContain('<name>a &lt;clip&gt; &amp; "more".mp4</name>');
    expect(text).toContain('<size>500</size>');
    const whole = formatTracks(RUN, 'cvat', { ...MEDIA, frameCount: 4 });
    expect(whole).not.toContain('frame="4"');
  });

  it('Label Studio: frames from 1, per cent, the last of a run is not enabled', () => {
    const [task] = JSON.parse(formatTracks(RUN, 'labelstudio', { ...MEDIA, width: 200, height: 100 })) as [
      {
        predictions: [
          { result: [{ value: { framesCount: number; sequence: { frame: number; enabled: boolean }[] } }] },
        ];
      },
    ];
    const { value } = task.predictions[0].result[0];
    expect(value.framesCount).toBe(500);
    expect(value.sequence.map(({ frame, enabled }) => [frame, enabled])).toEqual([
      [1, true],
      [2, false],
      [4, false],
    ]);
    expect(value.sequence[0]).toMatchObject({ x: 5, y: 20, width: 15, height: 40, rotation: 0, time: 0.04 });
  });

  it('Label Studio: fills in between keyframes, and to the end behind the last one', () => {
    const box = { x: 0, y: 0, width: 10, height: 10, rotation: 0 };
    const sequence = [
      { ...box, frame: 1, enabled: true },
      { ...box, frame: 5, x: 40, enabled: false },
      { ...box, frame: 8, enabled: true },
    ];
    const result = [{ type: 'videorectangle', value: { framesCount: 9, sequence } }];
    const text = JSON.stringify([{ annotations: [{ result }], predictions: [] }]);
    const rows = parseTracks(text, 'labelstudio', { name: 'a', width: 100, height: 100, fps: 25 }, 'text');
    expect(rows.map(({ frame, box: { x } }) => [frame, x])).toEqual([
      [0, 0],
      [1, 10],
      [2, 20],
      [3, 30],
      [4, 40],
      [7, 0],
      [8, 0],
    ]);
  });

  it('ASS: a frame shows from half-way behind the one before to half-way before the next', () => {
    const text = formatTracks([row(0), row(1), row(5)], 'ass', MEDIA);
    expect(text).toContain('PlayResX: 1279\nPlayResY: 720\n');
    const times = [...text.matchAll(/^Dialogue: 0,([^,]+),([^,]+),Box/gm)].map(([, start, end]) => `${start} ${end}`);
    expect(times).toEqual(['0:00:00.00 0:00:00.02', '0:00:00.02 0:00:00.06', '0:00:00.18 0:00:00.22']);
    expect(text).toContain(String.raw`\pos(10,20)`);
    expect(text).toContain('m 0 0 l 3840 0 3840 5120 0 5120'); // 128 units a pixel
  });

  it('ASS: frames by their times where the name does not tell them', () => {
    const text = formatTracks([row(0), row(1), row(5)], 'ass', MEDIA).replaceAll(/id=1 [^,]*/g, '');
    expect(parseTracks(text, 'ass', MEDIA, 'text').map(({ frame }) => frame)).toEqual([0, 1, 5]);
    expect(() => parseTracks(text, 'ass', { name: 'a' }, 'text')).toThrow(codeOf('OPTION_INVALID'));
  });
});

describe('files', () => {
  it.each<[string, FormatName]>([
    ['a.csv', 'csv'],
    ['a.JSONL', 'jsonl'],
    ['gt.txt', 'mot'],
    ['a.coco.json', 'coco'],
    ['a.xml', 'cvat'],
    ['a.ls.json', 'labelstudio'],
    ['a.ass', 'ass'],
  ])('%s is %s', (name, format) => {
    expect(formatOfName(name)).toBe(format);
  });

  it('reads .json by what is in it, and refuses to guess when it writes', async () => {
    const folder = await temporaryFolder();
    for (const format of ['coco', 'labelstudio'] as const) {
      const file = path.join(folder, `${format}.json`);
      await writeTracks(file, RUN, MEDIA, format);
      expect(await readTracks(file), format).toHaveLength(3);
      await expect(writeTracks(file, RUN, MEDIA)).rejects.toThrow(codeOf('OPTION_INVALID'));
    }
  });

  it.each(FORMAT_NAMES)('%s: reads UTF-16 and a mark', async (format) => {
    const folder = await temporaryFolder();
    const text = formatTracks(RUN, format, MEDIA);
    const wide = Buffer.from(`\uFEFF${text.replaceAll('\n', '\r\n')}`, 'utf16le');
    const file = path.join(folder, 'boxes');
    const expected = parseTracks(text, format, MEDIA, 'text');
    for (const bytes of [wide, Buffer.from(wide).swap16(), Buffer.from(`\uFEFF${text}`)]) {
      await writeFile(file, bytes);
      expect(await readTracks(file, { format, media: MEDIA })).toEqual(expected);
    }
  });

  it('tells what is missing', async () => {
    const folder = await temporaryFolder();
    const file = path.join(folder, 'a.txt');
    await expect(readTracks(file)).rejects.toThrow(codeOf('INPUT_NOT_FOUND'));
    await expect(readTracks(path.join(folder, 'a.doc'))).rejects.toThrow(codeOf('OPTION_INVALID'));
    await expect(writeTracks(path.join(folder, 'none', 'a.txt'), RUN, MEDIA)).rejects.toThrow(codeOf('OUTPUT_FAILED'));
    await writeFile(file, '1,1,1\n');
    await expect(readTracks(file)).rejects.toThrow(`${file}, line 1`);
    expect(await readFile(file, 'utf8')).toBe('1,1,1\n');
  });

  it.each(['coco', 'cvat', 'labelstudio', 'ass'] as const)('%s wants the size of the video', (format) => {
    expect(() => formatTracks(RUN, format, { name: 'a', fps: 25 })).toThrow(codeOf('OPTION_INVALID'));
  });
});

describe('damaged files', () => {
  const billion = `<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><annotations><track id="1"><box frame="&b;"/></track></annotations>`;
  it.each<[string, FormatName, string]>([
    ['a frame 0', 'mot', '0,1,1,1,5,5\n'],
    ['a word', 'mot', '1,1,x,1,5,5\n'],
    ['a size below 0', 'mot', '1,1,1,1,-5,5\n'],
    ['no JSON', 'coco', '{"images": ['],
    ['another JSON', 'coco', '[]'],
    ['an image that is not there', 'coco', '{"images":[],"annotations":[{"image_id":1,"bbox":[1,2,3,4]}]}'],
    ['three numbers', 'coco', '{"images":[{"id":1}],"annotations":[{"image_id":1,"bbox":[1,2,3]}]}'],
    ['no XML', 'cvat', 'frame,x,y'],
    ['an open tag', 'cvat', '<annotations><track id="1">'],
    ['another XML', 'cvat', '<html></html>'],
    ['no corner', 'cvat', '<annotations><track id="1"><box frame="0"/></track></annotations>'],
    ['entities', 'cvat', billion],
    ['images', 'cvat', '<annotations><image id="0"/></annotations>'],
    ['another JSON', 'labelstudio', '{"annotations": 3}'],
    ['two tasks', 'labelstudio', '[{},{}]'],
    ['no subtitles', 'ass', 'hello'],
  ])('%s: %s', (_, format, text) => {
    expect(() => parseTracks(text, format, MEDIA, 'text')).toThrow(codeOf('DATA_INVALID'));
  });

  it.each<[string, FormatName, string, RegExp]>([
    [
      'MOT',
      'mot',
      '1,1,1,1,5,5\n2,1,1,1,5,5\n1,1,9,9,5,5\n',
      /text, line 3: object 1 stands twice in frame 0 .* in line 1/,
    ],
    [
      'CSV of one object',
      'csv',
      'frame,time,x,y,w,h,confidence,state\n4,0,1,2,3,4,1,lost\n4,0,1,2,3,4,1,lost\n',
      /line 3: frame 4 has a second box/,
    ],
    [
      'JSON lines',
      'jsonl',
      '{"frame":0,"time":0,"id":3,"x":1,"y":2,"w":3,"h":4,"confidence":1,"state":"lost"}\n'.repeat(2),
      /line 2: object 3/,
    ],
  ])('an object that stands twice in a frame: %s', (_, format, text, message) => {
    expect(() => parseTracks(text, format, MEDIA, 'text')).toThrow(message);
  });

  it.each([
    ['frame 0', '0,1,1,1,5,5\n', /line 1: frame: found 0, expected 1 or more/],
    ['a word', '1,1,x,1,5,5\n', /line 1: found "x", expected a number/],
    ['nan', '1,1,nan,1,5,5\n', /line 1: x: found NaN/],
    ['an infinite number', '1,1,1,1,inf,5\n', /line 1: w: found Infinity/],
    ['decimal commas', '1,1,1,5,1,5,5,5,5,5,1\n', /line 1: found 11 values/],
  ])('MOT: %s is refused by its line', (_, text, message) => {
    expect(() => parseTracks(text, 'mot', MEDIA, 'text')).toThrow(message);
  });

  it('Label Studio: a box that lasts for ever', () => {
    const sequence = [{ x: 0, y: 0, width: 10, height: 10, frame: 1, enabled: true }];
    const result = [{ type: 'videorectangle', value: { framesCount: 1e12, sequence } }];
    const text = JSON.stringify([{ predictions: [{ result }] }]);
    expect(() => parseTracks(text, 'labelstudio', MEDIA, 'text')).toThrow(codeOf('DATA_INVALID'));
  });
});

import { describe, expect, it } from 'vitest';
import { formatTracks, parseTracks, type Media, type ParseOptions, type TrackRow } from '../../../src/io/tracks.js';

const MEDIA: Media = { name: 'clip.mp4', width: 320, height: 240, fps: 25, frameCount: 40 };
const codeOf = (code: string, message: RegExp): object =>
  expect.objectContaining({ code, message: expect.stringMatching(message) as string }) as object;

const document = (body: string, meta = '<task><id>4</id><name>clip</name><size>40</size></task>'): string =>
  `<?xml version="1.0" encoding="utf-8"?>\n<annotations><version>1.1</version><meta>${meta}</meta>\n${body}\n</annotations>\n`;

/** Corners 10 wide and 20 high at x, and further attributes. */
const box = (frame: number, x: number, more = ''): string =>
  `<box frame="${frame}" keyframe="1" outside="0" occluded="0" xtl="${x}" ytl="5" xbr="${x + 10}" ybr="25" ${more}/>`;
const outside = (frame: number, x: number): string => box(frame, x).replace('outside="0"', 'outside="1"');
const track = (id: number, ...shapes: string[]): string => `<track id="${id}" label="car">${shapes.join('')}</track>`;

function read(text: string, options: ParseOptions = {}, media = MEDIA): { rows: TrackRow[]; notes: string[] } {
  const notes: string[] = [];
  const rows = parseTracks(text, 'cvat', media, 'a.xml', { onNote: (note) => notes.push(note), ...options });
  return { rows, notes };
}

const inSight = (rows: readonly TrackRow[]): [number, number][] =>
  rows.filter(({ state }) => state !== 'lost').map(({ frame, box: { x } }) => [frame, x]);

describe('keyframes', () => {
  it('moves evenly between two, also towards the one where the object is gone', () => {
    const { rows, notes } = read(document(track(3, box(2, 10), box(6, 30), outside(8, 50))));
    expect(inSight(rows)).toEqual([
      [2, 10],
      [3, 15],
      [4, 20],
      [5, 25],
      [6, 30],
      [7, 40],
    ]);
    expect(rows.at(-1)).toMatchObject({ frame: 8, state: 'lost', id: 3 });
    expect(notes).toEqual([]);
  });

  it('fills nothing where the object is gone, and begins again at the next box', () => {
    const { rows } = read(document(track(0, box(0, 10), outside(2, 14), box(6, 30), outside(7, 30))));
    expect(inSight(rows).map(([frame]) => frame)).toEqual([0, 1, 6]);
  });

  it('holds the last box until the task ends', () => {
    const last = (meta: string, media = MEDIA): number =>
      read(document(track(0, box(3, 10)), meta), {}, media).rows.at(-1)!.frame;
    expect(last('<task><size>12</size></task>')).toBe(11);
    expect(last('<task><size>12</size><start_frame>0</start_frame><stop_frame>9</stop_frame></task>')).toBe(9);
    expect(last('<job><size>12</size><start_frame>2</start_frame><stop_frame>13</stop_frame></job>')).toBe(13);
    expect(last('')).toBe(39);
    const { notes, rows } = read(document(track(0, box(3, 10)), ''), {}, { name: 'a' });
    expect(rows).toHaveLength(1);
    expect(notes[0]).toMatch(/line 3: .*nothing tells its length/);
  });

  it('takes boxes that are no keyframes as they are', () => {
    const filled = box(2, 17).replace('keyframe="1"', 'keyframe="0"');
    const { rows } = read(document(track(0, box(0, 10), filled, box(4, 20), outside(5, 20))));
    expect(inSight(rows)).toEqual([
      [0, 10],
      [1, 13.5],
      [2, 17],
      [3, 18.5],
      [4, 20],
    ]);
  });

  it('is occluded as its last keyframe is, and orders boxes by frame', () => {
    const hidden = box(2, 10).replace('occluded="0"', 'occluded="1"');
    const { rows } = read(document(track(0, box(4, 10), hidden, box(0, 10), outside(5, 10))));
    expect(rows.map(({ state }) => state)).toEqual([
      'tracking',
      'tracking',
      'uncertain',
      'uncertain',
      'tracking',
      'lost',
    ]);
  });

  it('fills only the frames that a task with a step has', () => {
    const meta =
      '<task><id>1</id><size>6</size><start_frame>3</start_frame><stop_frame>28</stop_frame><frame_filter>step=5</frame_filter></task>';
    const { rows } = read(document(track(0, box(3, 0), box(13, 20)), meta));
    expect(inSight(rows)).toEqual([
      [3, 0],
      [8, 10],
      [13, 20],
      [18, 20],
      [23, 20],
      [28, 20],
    ]);
  });

  it('is written so that it reads the same', () => {
    const { rows } = read(
      document(track(1, box(0, 10), box(4, 30), outside(6, 30)) + track(2, box(2, 50), outside(3, 50), box(9, 1))),
    );
    for (const format of ['cvat', 'mot', 'coco', 'labelstudio', 'csv', 'jsonl', 'ass'] as const) {
      const again = parseTracks(formatTracks(rows, format, MEDIA), format, MEDIA, 'again');
      expect(inSight(again), format).toEqual(inSight(rows));
    }
  });

  it('refuses more boxes than fit', () => {
    expect(() => read(document(track(0, box(0, 1)), '<task><size>2000000000</size></task>'))).toThrow(
      codeOf('DATA_INVALID', /a.xml, line 3: more than 2000000 boxes/),
    );
    expect(() => read(document(track(0, box(0, 1), box(2_147_483_000, 1))))).toThrow(
      codeOf('DATA_INVALID', /more than/),
    );
  });
});

describe('turned boxes', () => {
  it('are covered by upright ones', () => {
    const at = (rotation: number) =>
      read(document(track(0, box(0, 100, `rotation="${rotation}"`), outside(1, 100)))).rows[0]!.box;
    expect(at(90)).toEqual({ x: 95, y: 10, w: 20, h: 10 });
    expect(at(180)).toEqual({ x: 100, y: 5, w: 10, h: 20 });
    expect(at(-270)).toEqual(at(90));
    const [w, h] = [(10 + 20) / Math.SQRT2, (10 + 20) / Math.SQRT2];
    expect(at(45).w).toBeCloseTo(w, 9);
    expect(at(45)).toMatchObject({
      x: expect.closeTo(105 - w / 2, 9) as number,
      y: expect.closeTo(15 - h / 2, 9) as number,
    });
  });

  it('turn the shorter way between keyframes', () => {
    const body = track(0, box(0, 100, 'rotation="350"'), box(2, 100, 'rotation="10"'), outside(3, 100));
    const { rows } = read(document(body));
    expect(rows[1]!.box).toEqual({ x: 100, y: 5, w: 10, h: 20 });
    expect(rows[0]!.box.w).toBeGreaterThan(13);
  });
});

describe('what is no box', () => {
  const polygons = track(
    0,
    '<polygon frame="0" keyframe="1" outside="0" points="10,5;20,5;15,25"/>',
    '<polygon frame="1" outside="1" points="1,1;2,2;3,3"/>',
  );
  const others =
    track(
      1,
      '<ellipse frame="0" outside="0" cx="50" cy="60" rx="20" ry="10" rotation="90"/><ellipse frame="1" outside="1" cx="50" cy="60" rx="20" ry="10"/>',
    ) +
    track(
      2,
      '<mask frame="0" outside="0" rle="1, 2" left="5" top="6" width="7" height="8"/><mask frame="1" outside="1" rle="1" left="5" top="6" width="7" height="8"/>',
    ) +
    track(
      3,
      '<skeleton frame="0"><points label="a" outside="0" points="1,2"/><points label="b" outside="0" points="9,12"/><points label="c" outside="1" points="99,99"/></skeleton><skeleton frame="1"><points label="a" outside="1" points="1,2"/></skeleton>',
    );

  it('is counted, and named where there is nothing else', () => {
    expect(() => read(document(polygons))).toThrow(codeOf('DATA_INVALID', /a.xml: found no box, but 2 polygons/));
    expect(() => read(document(others + '<image id="1"><tag label="x"/></image>'))).toThrow(
      codeOf('DATA_INVALID', /2 ellipses, 2 masks, 2 skeletons, 1 tag/),
    );
  });

  it('is left out aloud beside boxes', () => {
    const { rows, notes } = read(document(polygons + track(7, box(0, 10), outside(1, 10))));
    expect(rows.map(({ id }) => id)).toEqual([7, 7]);
    expect(notes).toEqual(['a.xml: left out 2 polygons; read 2 boxes']);
  });

  it('gives its extent where that is asked for', () => {
    const { rows, notes } = read(document(polygons + others), { extent: true });
    const visible = rows.filter(({ state }) => state !== 'lost');
    expect(visible.map(({ id, box }) => [id, box.x, box.y, box.w, box.h])).toEqual([
      [0, 10, 5, 10, 20],
      [1, 40, 40, 20, 40],
      [2, 5, 6, 7, 8],
      [3, 1, 2, 8, 10],
    ]);
    expect(rows).toHaveLength(8);
    expect(notes).toEqual(['a.xml: took the extent of 2 polygons, 2 ellipses, 2 masks, 2 skeletons as boxes']);
  });

  it('refuses points that are none', () => {
    const bad = track(0, '<polygon frame="0" points="1,2;3"/>', '<polygon frame="1" points="1,x"/>');
    expect(() => read(document(bad), { extent: true })).toThrow(
      codeOf('DATA_INVALID', /a.xml, line 3: points: found "1,x"/),
    );
  });
});

describe('CVAT for images', () => {
  const image = (id: number, name: string, ...boxes: string[]): string =>
    `<image id="${id}" name="${name}" width="320" height="240">${boxes.join('')}</image>`;
  const loose = (x: number, inner = ''): string =>
    `<box label="car" occluded="0" xtl="${x}" ytl="5" xbr="${x + 10}" ybr="25">${inner}</box>`;

  it('reads one box an image as one object, in the frames that the images are', () => {
    const { rows } = read(document(image(0, 'frame_000000', loose(10)) + image(5, 'frame_000005', loose(20))));
    expect(rows.map(({ frame, id, box: { x } }) => [frame, id, x])).toEqual([
      [0, 1, 10],
      [5, 1, 20],
    ]);
  });

  it('finds images by their names in the folder that the video is', () => {
    const media = { ...MEDIA, frameNames: ['a_7.jpg', 'a_8.jpg', 'a_9.jpg'] };
    const text = document(image(0, 'sub/a_9.jpg', loose(10)) + image(1, 'a_7', loose(20)));
    expect(inSight(read(text, {}, media).rows)).toEqual([
      [0, 20],
      [2, 10],
    ]);
  });

  it('refuses several boxes in an image of which nothing says which object they are, unless they have track ids', () => {
    expect(() => read(document(image(0, 'a', loose(10), loose(90))))).toThrow(
      codeOf('DATA_INVALID', /a.xml, line 3: frame 0 has a second box/),
    );
    const numbered = (id: number): string => `<attribute name="track_id">${id}</attribute>`;
    const { rows } = read(document(image(0, 'a', loose(10, numbered(4)), loose(90, numbered(2)))));
    expect(rows.map(({ id }) => id)).toEqual([2, 4]);
  });
});

describe('projects with several tasks', () => {
  const meta =
    '<project><tasks><task><id>4</id><name>clip_a</name><size>3</size></task><task><id>5</id><name>clip_b</name><size>2</size></task></tasks></project>';
  const text = document(
    `<track id="0" label="car" task_id="4">${box(0, 10)}</track><track id="1" label="car" task_id="5">${box(1, 20)}</track>`,
    meta,
  );

  it('are refused, and the tasks are named', () => {
    expect(() => read(text)).toThrow(codeOf('DATA_INVALID', /found 2 tasks.*4 \(clip_a\), 5 \(clip_b\)/));
    expect(() => read(text, { task: 'clip_c' })).toThrow(codeOf('DATA_INVALID', /task "clip_c": found 4 \(clip_a\)/));
  });

  it.each([
    ['4', [0, 1, 2]],
    ['clip_b', [1]],
  ])('gives task %s with its own length', (task, frames) => {
    expect(read(text, { task }).rows.map(({ frame }) => frame)).toEqual(frames);
  });

  it('is read where only one of them has boxes', () => {
    const one = document(`<track id="9" label="car" task_id="5">${box(0, 10)}</track>`, meta);
    expect(read(one).rows).toHaveLength(2);
  });
});

it('says where pictures have another size than the video, and boxes lie behind its end', () => {
  const meta = '<task><size>60</size></task><original_size><width>640</width><height>480</height></original_size>';
  const { notes } = read(document(track(0, box(0, 10), box(50, 10), outside(51, 1)), meta));
  expect(notes).toEqual([
    expect.stringMatching(/640 x 480 pixels, clip.mp4 has 320 x 240/),
    expect.stringMatching(/boxes up to frame 51, clip.mp4 has 40 frames/),
  ]);
});

it('refuses an object that stands twice in a frame, in two tracks of one number', () => {
  expect(() =>
    read(document(`${track(1, box(0, 10), outside(1, 1))}\n${track(1, box(0, 90), outside(3, 1))}`)),
  ).toThrow(
    codeOf('DATA_INVALID', /a.xml, line 4: object 1 stands twice in frame 0 .*10,5,10,20 in line 3, and 90,5,10,20/),
  );
});

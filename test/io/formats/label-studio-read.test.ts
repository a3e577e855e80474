import { describe, expect, it } from 'vitest';
import { formatTracks, parseTracks, type Media, type ParseOptions, type TrackRow } from '../../../src/io/tracks.js';

const MEDIA: Media = { name: 'clip.mp4', width: 200, height: 100, fps: 25, frameCount: 40 };
const codeOf = (code: string, message: RegExp): object =>
  expect.objectContaining({ code, message: expect.stringMatching(message) as string }) as object;

function read(value: unknown, options: ParseOptions = {}, media = MEDIA): { rows: TrackRow[]; notes: string[] } {
  const notes: string[] = [];
  const onNote = (note: string): void => void notes.push(note);
  const rows = parseTracks(JSON.stringify(value), 'labelstudio', media, 'a.json', { onNote, ...options });
  return { rows, notes };
}

/** A keyframe at `x` per cent, timed as a player at `rate` frames a second does it. */
const key = (frame: number, x: number, rate: number, more: object = {}): object => ({
  frame,
  time: frame / rate,
  x,
  y: 10,
  width: 10,
  height: 10,
  rotation: 0,
  enabled: true,
  ...more, // prettier-ignore
});
const region = (sequence: readonly object[], value: object = {}): object => ({
  type: 'videorectangle',
  value: { framesCount: 40, duration: 1.6, sequence, ...value },
});
const task = (...regions: object[]): object => ({
  id: 1,
  data: { video: '/data/clip.mp4' },
  annotations: [{ id: 7, result: regions }],
});

const places = (rows: readonly TrackRow[]): [number, number][] => rows.map(({ frame, box: { x } }) => [frame, x]);

describe('the rate it was annotated at', () => {
  it('is that of the video: frames count from 1', () => {
    const { rows, notes } = read(task(region([key(1, 0, 25), key(5, 40, 25, { enabled: false })])));
    expect(places(rows)).toEqual([[0, 0], [1, 20], [2, 40], [3, 60], [4, 80]]); // prettier-ignore
    expect(rows[4]!.time).toBeCloseTo(4 / 25, 9);
    expect(notes).toEqual([]);
  });

  it.each([
    ['slower', 10, [1, 5], [0, 10]],
    ['faster', 50, [1, 21], [0, 10]],
    ['not whole', 24, [1, 25], [0, 25]],
  ])('is %s: keyframes go to the frames of their times', (_, rate, [a, b], [first, last]) => {
    const { rows, notes } = read(task(region([key(a!, 0, rate), key(b!, 40, rate, { enabled: false })])));
    expect(rows.map(({ frame }) => frame)).toEqual(
      Array.from({ length: last! - first! + 1 }, (_unused, i) => first! + i),
    );
    expect(places(rows).at(-1)).toEqual([last, 80]);
    expect(rows.at(-1)!.box.x / rows.at(-1)!.time).toBeCloseTo(80 / (last! / 25), 6);
    expect(notes).toEqual([expect.stringMatching(new RegExp(`annotated at ${rate} frames a second, clip.mp4 has 25`))]);
  });

  it('is the same where rounding puts no keyframe elsewhere', () => {
    const rounded = [key(1, 0, 25, { time: 0.04 }), key(21, 40, 25, { time: 0.83, enabled: false })];
    expect(read(task(region(rounded))).rows.at(-1)!.frame).toBe(20);
    const ntsc = { ...MEDIA, fps: 30000 / 1001, frameCount: 2000 };
    const near = read(task(region([key(1, 0, 30), key(400, 40, 30, { enabled: false })])), {}, ntsc);
    expect(near.rows.at(-1)!.frame).toBe(399);
    const far = read(
      task(region([key(1, 0, 30), key(1501, 40, 30, { enabled: false })], { framesCount: 2000 })),
      {},
      ntsc,
    );
    expect(far.rows.at(-1)!.frame).toBe(Math.round((1500 / 30) * (30000 / 1001)));
  });

  it('is told by the length where keyframes have no times', () => {
    const timeless = [key(1, 0, 1, { time: undefined }), key(9, 40, 1, { time: undefined, enabled: false })];
    expect(read(task(region(timeless, { framesCount: 16, duration: 1.6 }))).rows.at(-1)!.frame).toBe(20);
  });

  it('counts for the last box too, which holds until the end', () => {
    const { rows } = read(task(region([key(1, 0, 10)], { framesCount: 16, duration: 1.6 })));
    expect(rows.at(-1)!.frame).toBe(39);
  });

  it('is said where no video is given', () => {
    const { rows, notes } = read(
      task(region([key(1, 0, 10), key(3, 40, 10, { enabled: false })])),
      {},
      { name: 'a', width: 200, height: 100 },
    );
    expect(rows.map(({ frame, time }) => [frame, time])).toEqual([[0, 0], [1, 0.1], [2, 0.2]]); // prettier-ignore
    expect(notes).toEqual([expect.stringMatching(/its own rate, 10 a second/)]);
    const own = formatTracks(rows, 'labelstudio', { ...MEDIA, fps: 10 });
    const silent: string[] = [];
    parseTracks(own, 'labelstudio', { name: 'a' }, 'own', { onNote: (note) => silent.push(note) });
    expect(silent).toEqual([]);
  });
});

it('covers a box that is turned about its corner, in pixels', () => {
  // 20 x 10 pixels at 100, 50, a quarter clockwise: it hangs to the left of its corner
  const turned = [key(1, 50, 25, { y: 50, rotation: 90 }), key(3, 50, 25, { y: 50, rotation: 180, enabled: false })];
  const { rows } = read(task(region(turned)));
  expect(rows[0]!.box).toEqual({ x: 90, y: 50, w: 10, h: 20 });
  expect(rows[2]!.box).toEqual({ x: 80, y: 40, w: 20, h: 10 });
  const [cos, sin] = [Math.cos((135 * Math.PI) / 180), Math.sin((135 * Math.PI) / 180)];
  expect(rows[1]!.box.x).toBeCloseTo(100 + 20 * cos - 10 * sin, 9);
  expect(rows[1]!.box.y).toBeCloseTo(50 + 10 * cos, 9);
});

describe('annotations of a task', () => {
  const found = (x: number): object => region([key(1, x, 25, { enabled: false })]);
  const annotated = (...annotations: object[]): object => ({
    id: 1,
    annotations,
    predictions: [{ id: 99, result: [found(90)] }],
  });
  const first = (value: object): [number, string[]] => {
    const { rows, notes } = read(value);
    return [rows[0]!.box.x / 2, notes];
  };

  it('cancelled and empty ones do not count', () => {
    const [x, notes] = first(
      annotated(
        { id: 1, was_cancelled: true, result: [found(1)] },
        { id: 2, result: [] },
        { id: 3, result: [found(3)] },
      ),
    );
    expect(x).toBe(3);
    expect(notes).toEqual([expect.stringMatching(/left out 1 cancelled annotation; read 1 box/)]);
  });

  it('of several the one that is ground truth is taken, else the one changed last, and that is said', () => {
    const [a, b] = [{ id: 1, result: [found(1)], updated_at: '2024-05-02T00:00:00Z' }, { id: 2, result: [found(2)], updated_at: '2024-05-01T00:00:00Z' }]; // prettier-ignore
    expect(first(annotated(a, b))).toEqual([
      1,
      [expect.stringMatching(/took annotation 1 \(it was changed last\), and not 2/)],
    ]);
    expect(first(annotated(a, { ...b, ground_truth: true }))).toEqual([
      2,
      [expect.stringMatching(/marked as ground truth/)],
    ]);
  });

  it('predictions are taken where every annotation is cancelled, and that is said', () => {
    const [x, notes] = first(annotated({ id: 1, was_cancelled: true, result: [] }));
    expect(x).toBe(90);
    expect(notes).toContainEqual(expect.stringMatching(/every annotation is cancelled: took the prediction/));
  });

  it('what is no box is counted', () => {
    const only = (...result: object[]): object => ({ id: 1, annotations: [{ id: 1, result }] });
    expect(() => read(only({ type: 'timelinelabels', value: {} }))).toThrow(
      codeOf('DATA_INVALID', /1 timelinelabels region/),
    );
    expect(() => read({ annotations: [{ id: 1, was_cancelled: true, result: [] }] })).toThrow(/1 cancelled annotation/);
    expect(() => read(only(), { required: true })).toThrow(/found no box, but 1 annotation without a region/);
  });
});

describe('several tasks', () => {
  const other = {
    ...task(region([key(1, 30, 25, { enabled: false })])),
    id: 2,
    data: { video: 'https://x/y/other.mp4' },
  };
  const tasks = [task(region([key(1, 10, 25, { enabled: false })])), other];

  it('are refused, and named; one is chosen by number or video', () => {
    expect(() => read(tasks)).toThrow(codeOf('DATA_INVALID', /found 2 tasks.*1 \(clip.mp4\), 2 \(other.mp4\)/));
    expect(read(tasks, { task: '2' }).rows[0]!.box.x).toBe(60);
    expect(read(tasks, { task: 'clip.mp4' }).rows[0]!.box.x).toBe(20);
    expect(() => read(tasks, { task: '3' })).toThrow(codeOf('DATA_INVALID', /task "3"/));
  });

  it('are read where one alone has boxes, and that is said', () => {
    const { rows, notes } = read([{ id: 5, annotations: [] }, other]);
    expect(rows).toHaveLength(1);
    expect(notes).toEqual([expect.stringMatching(/read task 2 \(other.mp4\); the other 1 have no box/)]);
  });

  it('of pictures are counted', () => {
    const picture = {
      data: { image: 'a.jpg' },
      annotations: [{ result: [{ type: 'rectanglelabels', value: { x: 1 } }] }],
    };
    expect(() => read([picture, picture])).toThrow(
      codeOf('DATA_INVALID', /found no box, but 2 rectanglelabels regions/),
    );
  });
});

it.each<[string, unknown, RegExp]>([
  ['a frame 0', task(region([key(0, 1, 25)])), /region 1: frame: found 0, expected 1 or more/],
  ['two keyframes in a frame', task(region([key(3, 1, 25), key(3, 2, 25)])), /region 1: frame 3 has two keyframes/],
  ['JSON-MIN', [{ id: 1, video: 'a.mp4', box: [{ framesCount: 3, sequence: [] }] }], /found a JSON-MIN export/],
])('refuses %s', (_, value, message) => {
  expect(() => read(value)).toThrow(codeOf('DATA_INVALID', message));
});

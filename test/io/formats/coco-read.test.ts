import { describe, expect, it } from 'vitest';
import { parseTracks, type Media, type ParseOptions, type TrackRow } from '../../../src/io/tracks.js';

const MEDIA: Media = { name: 'clip.mp4', width: 320, height: 240, fps: 25, frameCount: 40 };
const codeOf = (code: string, message: RegExp): object =>
  expect.objectContaining({ code, message: expect.stringMatching(message) as string }) as object;

function read(value: unknown, options: ParseOptions = {}, media = MEDIA): { rows: TrackRow[]; notes: string[] } {
  const notes: string[] = [];
  const onNote = (note: string): void => void notes.push(note);
  const rows = parseTracks(JSON.stringify(value), 'coco', media, 'a.json', { onNote, ...options });
  return { rows, notes };
}

/** An image a name, and a box in each, whose x is the number of the image. */
function named(names: readonly string[], more: (i: number) => object = () => ({})): object {
  return {
    images: names.map((file_name, i) => ({ id: i + 1, file_name, ...more(i) })),
    annotations: names.map((_, i) => ({ image_id: i + 1, bbox: [i + 1, 2, 3, 4] })),
  };
}

const framesOf = (rows: readonly TrackRow[]): [number, number][] => rows.map(({ frame, box: { x } }) => [x, frame]);

describe('which frame an image is', () => {
  it.each<[string, string[], number[], RegExp]>([
    ['CVAT, a part', ['frame_000012.PNG', 'frame_000013.PNG'], [12, 13], /counted from 0/],
    ['CVAT, a part from frame 1 on', ['frame_000001.PNG', 'frame_000006.PNG'], [1, 6], /counted from 0/],
    ['steps, in another order', ['f-20.jpg', 'f-0.jpg', 'f-10.jpg'], [20, 0, 10], /f-20.jpg is frame 20/],
    ['from 1', ['00001.jpg', '00002.jpg', '00003.jpg'], [0, 1, 2], /counted from 1/],
    ['up to as many as the video has frames', ['img/39.jpg', 'img/40.jpg'], [38, 39], /counted from 1/],
    ['Label Studio', ['images/1a2b3c4d-shot_4.jpg', 'images/99aabbcc-shot_8.jpg'], [4, 8], /counted from 0/],
    ['Roboflow', ['clip-4_jpg.rf.a1b2c3.jpg', 'clip-0_jpg.rf.9f8e7d.jpg'], [4, 0], /counted from 0/],
    ['Windows', ['frames\\f_3.png', 'frames\\f_5.png'], [3, 5], /counted from 0/],
    ['no numbers', ['cat.jpg', 'dog.jpg'], [0, 1], /2 images are taken as frames 0 to 1/],
    ['numbers of different things', ['a1.jpg', 'b7.jpg'], [0, 1], /are taken as frames 0 to 1/],
    ['numbers that no frame of the video has', ['DSC_2034.jpg', 'DSC_2035.jpg'], [0, 1], /are taken as frames 0 to 1/],
  ])('%s', (_, names, frames, note) => {
    const { rows, notes } = read(named(names));
    expect(new Map(framesOf(rows))).toEqual(new Map(frames.map((frame, i) => [i + 1, frame])));
    expect(notes).toEqual([expect.stringMatching(note)]);
  });

  it('its place in the folder that the video is, whatever its number', () => {
    const media = { ...MEDIA, frameNames: ['x_2.png', 'x_10.png', 'x_20.png'] };
    const { rows, notes } = read(named(['set/x_20.png', 'set/x_2.png']), {}, media);
    expect(new Map(framesOf(rows))).toEqual(new Map([[1, 2], [2, 0]])); // prettier-ignore
    expect(notes).toEqual([]);
  });

  it('its frame_id before its name; counted from 1 in the files of ByteTrack', () => {
    const from0 = named(['f_9.jpg', 'f_8.jpg'], (i) => ({ frame_id: 3 * i + 1 }));
    expect(read(from0).rows.map(({ frame }) => frame)).toEqual([1, 4]);
    const from1 = named(['f_9.jpg', 'f_8.jpg'], (i) => ({ frame_id: i + 1, prev_image_id: i === 0 ? -1 : i }));
    expect(read(from1).rows.map(({ frame }) => frame)).toEqual([0, 1]);
    expect(read(from1).notes).toEqual([expect.stringMatching(/frame_id is counted from 1: its 2 is frame 1/)]);
    const full = named(['a.jpg', 'b.jpg'], (i) => ({ frame_id: i === 0 ? 1 : 40 }));
    expect(read(full).rows.map(({ frame }) => frame)).toEqual([0, 39]);
  });

  it('refuses two images that are one frame', () => {
    const twice = named(['a/frame_1.png', 'b/frame_1.png'], () => ({ frame_id: 7 }));
    expect(() => read(twice)).toThrow(
      codeOf('DATA_INVALID', /image 2 \(b\/frame_1.png\) is frame 7, and so is image 1 \(a\/frame_1.png\)/),
    );
  });
});

describe('which object a box is', () => {
  const images = [{ id: 1, frame_id: 0 }, { id: 2, frame_id: 1 }]; // prettier-ignore
  const bbox = [1, 2, 3, 4];

  it('refuses the same number twice in a frame', () => {
    const annotations = [2, 1, 2].map((image_id) => ({ image_id, bbox, track_id: 5 }));
    expect(() => read({ images, annotations })).toThrow(
      codeOf('DATA_INVALID', /a.json, annotation 3: object 5 stands twice in frame 1 .* in annotation 1/),
    );
  });

  it('refuses several boxes in a frame where none has a number', () => {
    const annotations = [{ image_id: 1, bbox }, { image_id: 1, bbox }]; // prettier-ignore
    expect(() => read({ images, annotations })).toThrow(
      codeOf('DATA_INVALID', /annotation 2: frame 0 has a second box/),
    );
  });

  it('makes each box without a number an object of its own where others have one', () => {
    const annotations = [{ image_id: 1, bbox, track_id: 3 }, { image_id: 1, bbox }, { image_id: 2, bbox }]; // prettier-ignore
    const { rows, notes } = read({ images, annotations });
    expect(rows.map(({ id, frame }) => [frame, id])).toEqual([[0, 3], [0, 4], [1, 5]]); // prettier-ignore
    expect(notes).toEqual([expect.stringMatching(/2 boxes without an object's number/)]);
  });
});

describe('boxes', () => {
  const images = [{ id: 1, frame_id: 0 }];
  const one = (annotation: object): object => ({ images, annotations: [{ image_id: 1, ...annotation }] });

  it.each([
    [90, { x: 70, y: 30, w: 20, h: 80 }],
    [360, { x: 40, y: 60, w: 80, h: 20 }],
  ])('turned by %d degrees are covered by upright ones', (rotation, box) => {
    expect(read(one({ bbox: [40, 60, 80, 20], attributes: { rotation } })).rows[0]!.box).toEqual(box);
  });

  it('of five numbers are refused with their place', () => {
    expect(() => read(one({ bbox: [1, 2, 3, 4, 0.5] }))).toThrow(
      codeOf('DATA_INVALID', /annotation 1: bbox: found 5 numbers/),
    );
  });

  it('that are not there are counted; the extent of polygons is taken where that is asked for', () => {
    const segmentation = [[1, 2, 9, 2, 5, 8]];
    expect(() => read(one({ segmentation }))).toThrow(
      codeOf('DATA_INVALID', /found no box, but 1 polygon without a bbox/),
    );
    expect(() => read(one({ segmentation: { counts: 'abc', size: [1, 2] } }))).toThrow(/1 annotation without a bbox/);
    expect(read(one({ segmentation }), { extent: true }).rows[0]!.box).toEqual({ x: 1, y: 2, w: 8, h: 6 });
  });

  it('out of sight are lost', () => {
    expect(read(one({ bbox: [1, 2, 3, 4], attributes: { outside: true } })).rows[0]!.state).toBe('lost');
  });
});

describe('several videos', () => {
  const value = {
    videos: [{ id: 1, name: 'a.mp4' }, { id: 2, name: 'b.mp4', fps: 10 }], // prettier-ignore
    images: [{ id: 1, video_id: 1, frame_id: 0 }, { id: 2, video_id: 2, frame_id: 4 }], // prettier-ignore
    annotations: [{ image_id: 1, bbox: [1, 1, 1, 1] }, { image_id: 2, bbox: [2, 2, 2, 2] }], // prettier-ignore
  };

  it('are refused, and named', () => {
    expect(() => read(value)).toThrow(codeOf('DATA_INVALID', /found images of 2 videos: 1 \(a.mp4\), 2 \(b.mp4\)/));
    expect(() => read(value, { task: 'c' })).toThrow(codeOf('DATA_INVALID', /video "c"/));
  });

  it.each(['2', 'b.mp4'])('one is chosen by %s', (task) => {
    const rows = read(value, { task }, { name: 'x' }).rows;
    expect(rows).toMatchObject([{ frame: 4, time: 0.4, box: { x: 2 } }]);
  });
});

it('a list of results tells no frame', () => {
  expect(() => read([{ image_id: 1, bbox: [1, 2, 3, 4], score: 0.5 }])).toThrow(
    codeOf('DATA_INVALID', /a list of results/),
  );
});

it('numbers that JSON does not have are refused', () => {
  const text = '{"images":[{"id":1}],"annotations":[{"image_id":1,"bbox":[NaN,1,2,3]}]}';
  expect(() => parseTracks(text, 'coco', MEDIA, 'a.json')).toThrow(
    codeOf('DATA_INVALID', /a.json: expected JSON.*NaN/),
  );
});

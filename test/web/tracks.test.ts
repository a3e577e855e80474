import { beforeEach, describe, expect, it } from 'vitest';
import type { Mark } from '../../src/web/messages.js';
import { toWire } from '../../src/web/announcer.js';
import { Tracks, type Extent, type Track } from '../../src/web/tracks.js';

const BOX = { x: 10, y: 8, w: 12, h: 10 };
const at = (frame: number, x = 10): Mark => ({ frame, box: { ...BOX, x } });

let extent: Extent;
let tracks: Tracks;
beforeEach(() => {
  extent = { frames: 10, end: undefined };
  tracks = new Tracks(() => extent);
});

const draw = (mark: Mark, object?: number): Track => tracks.draw(mark, mark.frame / 25, object);

/** As tracking does: a row for each frame from one to another. */
function fill(track: Track, from: number, to: number, x: number): void {
  for (let frame = from; frame < to; frame++)
    track.rows[frame] = { frame, time: frame / 25, box: { ...BOX, x }, confidence: 0.9, state: 'tracking' };
}

/** x of each frame's box, -1 where there is none. */
const xs = ({ rows }: Track): number[] => Array.from({ length: extent.frames }, (_, i) => rows[i]?.box.x ?? -1);

describe('drawing', () => {
  it('makes an object with a certain row where it was drawn', () => {
    const track = draw(at(3));
    expect(tracks.all()).toEqual([track]);
    expect(tracks.rows()).toEqual([{ id: 1, frame: 3, time: 0.12, box: BOX, confidence: 1, state: 'tracking' }]);
  });

  it('corrects: rows before it stay, those up to the next drawn box go', () => {
    const track = draw(at(0));
    fill(track, 1, 10, 1);
    draw(at(7, 70), track.id);
    fill(track, 8, 10, 7);
    draw(at(4, 40), track.id);
    expect(xs(track)).toEqual([10, 1, 1, 1, 40, -1, -1, 70, 7, 7]);
    expect(track.marks.map(({ frame }) => frame)).toEqual([0, 4, 7]);
    // the same frame again: one box in the place of the other
    draw(at(4, 44), track.id);
    expect(track.marks.map(({ box }) => box.x)).toEqual([10, 44, 70]);
  });

  it('refuses an object that is not there, and the seventeenth', () => {
    expect(() => draw(at(0), 5)).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }));
    for (let i = 0; i < 16; i++) draw(at(i));
    expect(() => draw(at(0))).toThrow(/at most 16 objects/);
    tracks.remove(3);
    expect(draw(at(0)).id).toBe(17);
  });
});

describe('undo', () => {
  it('takes back a correction with the rows that it took', () => {
    const track = draw(at(0));
    fill(track, 1, 10, 1);
    draw(at(4, 40), track.id);
    fill(track, 5, 10, 4);
    expect(tracks.undo()).toEqual({ track });
    expect(xs(track)).toEqual([10, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
    expect(track.marks).toEqual([at(0)]);
  });

  it('takes back a box in the place of another', () => {
    const track = draw(at(0, 1));
    draw(at(0, 2), track.id);
    tracks.undo();
    expect(track.marks).toEqual([at(0, 1)]);
    expect(tracks.has(track)).toBe(true);
  });

  it('takes back the first box, and with it the object', () => {
    const track = draw(at(0));
    expect(tracks.undo()).toEqual({ track });
    expect(tracks.has(track)).toBe(false);
    expect(tracks.undo()).toBeUndefined();
  });

  it('brings back what was removed, with its rows', () => {
    const track = draw(at(0));
    fill(track, 1, 10, 1);
    tracks.remove(track.id);
    expect(tracks.rows()).toEqual([]);
    expect(() => tracks.remove(track.id)).toThrow(/there is none/);
    expect(tracks.undo()).toEqual({ track });
    expect(tracks.rows()).toHaveLength(10);
  });

  it('keeps a hundred steps', () => {
    const track = draw(at(0));
    for (let i = 1; i <= 120; i++) draw(at(i), track.id);
    expect(tracks.steps).toBe(100);
    while (tracks.undo());
    expect(track.marks).toHaveLength(21);
  });
});

describe('what is to be tracked', () => {
  it('is grouped by frame, and is no longer there when it is tracked or at work', () => {
    const [first, second, third] = [draw(at(0)), draw(at(0)), draw(at(5))];
    expect([...tracks.pending().keys()]).toEqual([0, 5]);
    expect(
      tracks
        .pending()
        .get(0)!
        .map(({ track }) => track.id),
    ).toEqual([first.id, second.id]);
    fill(first, 1, 10, 1);
    third.running.add(third.marks[0]!);
    expect([...tracks.pending().values()].flat()).toEqual([{ track: second, mark: second.marks[0] }]);
    expect([first, second, third].map((track) => tracks.isComplete(track))).toEqual([true, false, false]);
  });

  it('goes on from a box up to the next one, or to the end where that is known', () => {
    const track = draw(at(0));
    const target = { track, mark: track.marks[0]! };
    expect(tracks.endOf(target)).toBe(Infinity);
    extent = { frames: 8, end: 8 };
    expect(tracks.endOf(target)).toBe(8);
    draw(at(5), track.id);
    expect(tracks.endOf(target)).toBe(5);
    expect([4, 5].map((frame) => tracks.isWanted(target, frame))).toEqual([true, false]);
    tracks.remove(track.id);
    expect(tracks.isWanted(target, 4)).toBe(false);
  });

  it('is never complete where the file does not tell how many frames it has', () => {
    extent = { frames: 0, end: undefined };
    const track = draw(at(0));
    fill(track, 1, 10, 1);
    expect(tracks.isComplete(track)).toBe(false);
  });
});

it('rows are sorted by frame and object, and travel as rounded numbers', () => {
  const [first, second] = [draw(at(1)), draw(at(0))];
  fill(first, 2, 3, 1);
  fill(second, 1, 2, 2);
  expect(tracks.rows().map(({ id, frame }) => [frame, id])).toEqual([
    [0, 2],
    [1, 1],
    [1, 2],
    [2, 1],
  ]);
  const row = {
    frame: 7,
    time: 1 / 3,
    box: { x: 1.23456, y: 2, w: 3, h: 4 },
    confidence: 0.123456,
    state: 'lost',
  } as const;
  expect(toWire(row)).toEqual([7, 0.333333, 1.235, 2, 3, 4, 0.1235, 2]);
});

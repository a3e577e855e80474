import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { FrameBox } from '../../src/geometry.js';
import type { Frame } from '../../src/image/frame.js';
import type { TrackResult } from '../../src/result.js';
import { openSeekable } from '../../src/video/seek.js';
import { createFrameStore } from '../../src/web/frames.js';
import { createLimit } from '../../src/limit.js';
import type { ObjectData, VideoEvent, WireRow } from '../../src/web/messages.js';
import { createSession, type Session } from '../../src/web/session.js';
import { createTrackerPool, type PooledTracker } from '../../src/web/track-objects.js';
import { makeNumberedVideo } from '../helpers/video.js';

const BOX = { x: 10, y: 8, w: 12, h: 10 };
const FRAMES = 30;

/** Moves the boxes by a pixel a frame. */
function movingTracker(onUpdate: (frame: Frame) => Promise<void> = async () => undefined): PooledTracker {
  let boxes: readonly FrameBox[] = [];
  const results = (confidence: number): TrackResult[] => boxes.map((box) => ({ box, confidence, state: 'tracking' }));
  return {
    async init(_, first) {
      boxes = first;
      return results(1);
    },
    async update(frame) {
      await onUpdate(frame);
      boxes = boxes.map((box) => ({ ...box, x: box.x + 1 }));
      return results(0.9);
    },
    release: async () => undefined,
  };
}

/** Holds the tracker before a frame until it is opened: what happens in the meantime happens while it tracks. */
function gateAt(index: number): { wait: (frame: Frame) => Promise<void>; open: () => void } {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { wait: async (frame) => (frame.index < index ? undefined : opened), open: () => open() };
}

interface Opened {
  readonly session: Session;
  readonly events: VideoEvent[];
  /** x of the object's box in each frame, from 0; -1 where it has none. */
  xs(object: number): number[];
  object(id: number): ObjectData | undefined;
}

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'ebm-tracker-session-'));
  await makeNumberedVideo(path.join(folder, 'a.mp4'), { frames: FRAMES });
});
afterAll(() => rm(folder, { recursive: true }));

async function open(onUpdate?: (frame: Frame) => Promise<void>): Promise<Opened> {
  const video = await openSeekable(path.join(folder, 'a.mp4'));
  await video.counted;
  const frames = createFrameStore(video);
  const pool = createTrackerPool(async () => movingTracker(onUpdate));
  const session = createSession({ path: 'a.mp4', video, frames, pool, limit: createLimit(4) });
  onTestFinished(() => session.close());
  const events: VideoEvent[] = [];
  session.subscribe((event) => events.push(event));
  return {
    session,
    events,
    xs: (object) => xsOf(session, object),
    object: (id) => lastKnown(events, id),
  };
}

function xsOf(session: Session, object: number): number[] {
  const xs = Array.from({ length: FRAMES }, () => -1);
  for (const { id, frame, box } of session.rows()) if (id === object) xs[frame] = box.x;
  return xs;
}

function lastKnown(events: readonly VideoEvent[], id: number): ObjectData | undefined {
  const told = events.findLast(
    (event) => (event.type === 'object' || event.type === 'status') && event.object.id === id,
  );
  return told?.type === 'object' || told?.type === 'status' ? told.object : undefined;
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

/** Every row that was told of, as a page would know it. */
function told(events: readonly VideoEvent[], id: number): WireRow[] {
  const rows = new Map<number, WireRow>();
  for (const event of events) {
    if (event.type === 'object' && event.object.id === id) {
      rows.clear();
      for (const row of event.object.rows) rows.set(row[0], row);
    } else if (event.type === 'rows' && event.object === id) for (const row of event.rows) rows.set(row[0], row);
  }
  return [...rows.values()].toSorted((a, b) => a[0] - b[0]);
}

describe('a session', () => {
  it('tracks a drawn box to the end and tells every row', async () => {
    const { session, events, xs, object } = await open();
    const id = session.draw(0, BOX);
    expect(object(id)).toMatchObject({ running: false, complete: false });
    session.start();
    expect(object(id)?.running).toBe(true);
    await session.settled();
    expect(xs(id)).toEqual(range(10, 40));
    expect(told(events, id).map((row) => row[2])).toEqual(range(10, 40));
    expect(object(id)).toMatchObject({ running: false, complete: true });
  });

  it('tracks on from a correction; what was before stays, and undo brings back the rest', async () => {
    const { session, xs, events } = await open();
    const id = session.draw(0, BOX);
    session.start();
    await session.settled();
    session.draw(12, { ...BOX, x: 30 }, id);
    expect(xs(id)).toEqual([...range(10, 22), 30, ...Array.from({ length: 17 }, () => -1)]);
    await session.settled();
    expect(xs(id)).toEqual([...range(10, 22), ...range(30, 48)]);
    expect(session.undo()).toBe(true);
    expect(xs(id)).toEqual(range(10, 40));
    expect(told(events, id).map((row) => row[2])).toEqual(range(10, 40));
    expect(session.undo()).toBe(true);
    expect(session.rows()).toEqual([]);
    expect(session.undo()).toBe(false);
  });

  it('tracks up to the next drawn box only', async () => {
    const { session, xs } = await open();
    const id = session.draw(20, { ...BOX, x: 5 });
    session.start();
    await session.settled();
    session.draw(4, BOX, id);
    await session.settled();
    expect(xs(id)).toEqual([-1, -1, -1, -1, ...range(10, 26), ...range(5, 15)]);
  });

  it('corrects while it tracks: ahead of it and behind it', async () => {
    const gate = gateAt(9);
    const { session, xs } = await open(gate.wait);
    const id = session.draw(0, BOX);
    session.start();
    await expect.poll(() => xs(id)[8], { interval: 5 }).toBe(18);
    session.draw(20, { ...BOX, x: 2 }, id); // ahead
    session.draw(5, { ...BOX, x: 40 }, id); // behind
    gate.open();
    await session.settled();
    expect(xs(id)).toEqual([...range(10, 15), ...range(40, 55), ...range(2, 12)]);
  });

  it('starts several objects of one frame together, and one that is drawn later on its own', async () => {
    const { session, xs } = await open();
    const [a, b] = [session.draw(0, BOX), session.draw(0, { ...BOX, x: 20 })];
    const c = session.draw(10, { ...BOX, x: 0 });
    session.start();
    await session.settled();
    expect([xs(a), xs(b)]).toEqual([range(10, 40), range(20, 50)]);
    expect(xs(c)).toEqual([...Array.from({ length: 10 }, () => -1), ...range(0, 20)]);
    expect(session.rows().map(({ frame }) => frame)).toEqual(
      session
        .rows()
        .map(({ frame }) => frame)
        .toSorted((x, y) => x - y),
    );
  });

  it('stops, keeps what was tracked, and starts again', async () => {
    const gate = gateAt(6);
    const { session, xs, object } = await open(gate.wait);
    const id = session.draw(0, BOX);
    session.start();
    await expect.poll(() => xs(id)[5], { interval: 5 }).toBe(15);
    session.stop();
    gate.open();
    await session.settled();
    expect(xs(id).at(-1)).toBe(-1);
    expect(object(id)).toMatchObject({ running: false, complete: false });
    session.start();
    await session.settled();
    expect(xs(id)).toEqual(range(10, 40));
  });

  it('removes an object while it is tracked, and undo brings it back', async () => {
    const gate = gateAt(6);
    const { session, xs, events } = await open(gate.wait);
    const id = session.draw(0, BOX);
    session.start();
    await expect.poll(() => xs(id)[5], { interval: 5 }).toBe(15);
    session.remove(id);
    gate.open();
    await session.settled();
    expect(session.rows()).toEqual([]);
    expect(events.findLast(({ type }) => type === 'gone')).toEqual({ type: 'gone', object: id });
    session.undo();
    expect(xs(id).slice(0, 6)).toEqual(range(10, 16));
  });

  it('goes on when nobody listens, and tells those who come later', async () => {
    const { session, xs } = await open();
    const late: VideoEvent[] = [];
    const leave = session.subscribe(() => undefined);
    const id = session.draw(0, BOX);
    session.start();
    leave();
    await session.settled();
    expect(xs(id)).toEqual(range(10, 40));
    session.subscribe((event) => late.push(event));
    expect(late[0]).toMatchObject({ type: 'snapshot', undo: 1, video: { frames: FRAMES, counted: true } });
    expect(late[0]?.type === 'snapshot' && late[0].objects[0]?.rows).toHaveLength(FRAMES);
  });

  it('tells a failure and is ready again', async () => {
    const { session, events, object } = await open(async ({ index }) => {
      if (index === 4) throw new Error('no more');
    });
    const id = session.draw(0, BOX);
    session.start();
    await session.settled();
    expect(events.find(({ type }) => type === 'failed')).toMatchObject({ message: 'no more' });
    expect(object(id)).toMatchObject({ running: false, complete: false });
  });

  it.each([
    ['a box outside the frame', 0, { ...BOX, x: 500 }, undefined, 'BOX_INVALID'],
    ['a box without size', 0, { ...BOX, w: 0 }, undefined, 'BOX_INVALID'],
    ['a frame behind the end', 30, BOX, undefined, 'OPTION_INVALID'],
    ['an object that is not there', 0, BOX, 7, 'OPTION_INVALID'],
  ])('refuses %s', async (_, frame, box, object, code) => {
    const { session } = await open();
    expect(() => session.draw(frame, box, object)).toThrow(expect.objectContaining({ code }));
    expect(session.rows()).toEqual([]);
  });

  it('takes 16 objects and no more', async () => {
    const { session } = await open();
    for (let i = 0; i < 16; i++) session.draw(0, BOX);
    expect(() => session.draw(0, BOX)).toThrow(/at most 16/);
  });
});

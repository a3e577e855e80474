import { describe, expect, it } from 'vitest';
import type { FrameBox } from '../../src/geometry.js';
import type { Frame } from '../../src/image/frame.js';
import { trackObjects, trackVideo } from '../../src/tracker/track-video.js';
import type { Tracker } from '../../src/tracker/types.js';

function frames(count: number): { frames(): AsyncGenerator<Frame, void, void>; ended: () => boolean } {
  let ended = false;
  return {
    ended: () => ended,
    async *frames() {
      try {
        for (let index = 0; index < count; index++) {
          yield { data: new Uint8Array(12), width: 2, height: 2, index: 10 + index, time: index / 4 };
        }
      } finally {
        ended = true;
      }
    },
  };
}

/** Moves the box by a pixel a frame. */
function movingTracker(): Pick<Tracker, 'init' | 'update'> {
  let box: FrameBox | undefined;
  return {
    init: async (_, first) => ({ box: (box = first), confidence: 1, state: 'tracking' }),
    update: async () => ({ box: (box = { ...box!, x: box!.x + 1 }), confidence: 0.5, state: 'uncertain' }),
  };
}

async function gather<T>(values: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const value of values) all.push(value);
  return all;
}

const BOX = { x: 0, y: 0, w: 1, h: 1 };

describe('trackVideo', () => {
  it('yields the first box with confidence 1, then a result a frame with its index and time', async () => {
    const seen: number[] = [];
    const results = await gather(trackVideo(movingTracker(), frames(3), BOX, { onFrame: (r) => seen.push(r.frame) }));
    expect(results.map(({ frame, time, box, confidence, state }) => [frame, time, box.x, confidence, state])).toEqual([
      [10, 0, 0, 1, 'tracking'],
      [11, 0.25, 1, 0.5, 'uncertain'],
      [12, 0.5, 2, 0.5, 'uncertain'],
    ]);
    expect(results[1]!.image.index).toBe(11);
    expect(seen).toEqual([10, 11, 12]);
  });

  it('ends without an error once the signal is aborted', async () => {
    const controller = new AbortController();
    const source = frames(10);
    let count = 0;
    for await (const _ of trackVideo(movingTracker(), source, BOX, { signal: controller.signal })) {
      if (++count === 2) controller.abort();
    }
    expect(count).toBe(2);
    expect(source.ended()).toBe(true);
  });

  it('ends the source when the loop is left', async () => {
    const source = frames(10);
    for await (const _ of trackVideo(movingTracker(), source, BOX)) break;
    expect(source.ended()).toBe(true);
  });

  it('of several objects yields a result an object, in the order of the boxes', async () => {
    let boxes: readonly FrameBox[] = [];
    const move = async () =>
      boxes.map((box, i) => ({ box: { ...box, x: box.x + i }, confidence: 1 / (i + 1), state: 'tracking' as const }));
    const several = {
      init: async (_: Frame, first: readonly FrameBox[]) => ((boxes = first), move()),
      update: move,
    };
    const [first] = await gather(trackObjects(several, frames(1), [BOX, { ...BOX, x: 5 }]));
    expect(first!.objects.map(({ box, confidence }) => [box.x, confidence])).toEqual([
      [0, 1],
      [6, 0.5],
    ]);
    expect(first).toMatchObject({ frame: 10, time: 0 });
  });

  it('yields nothing for a source without frames', async () => {
    expect(await gather(trackVideo(movingTracker(), frames(0), BOX))).toEqual([]);
  });
});

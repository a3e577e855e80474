import { expect, it, vi } from 'vitest';
import { hintOf } from '../../src/web/page/hints.js';
import { createModel, type Model } from '../../src/web/page/model.js';
import { createPlayback, secondsSince } from '../../src/web/page/playback.js';

function model(objects: { id: number; complete: boolean }[] = [], change: Partial<Model> = {}): Model {
  const video = { path: 'a.mp4', width: 64, height: 48, fps: 25, frames: 10, counted: true, notes: [] };
  const made = Object.assign(createModel('x', video), change);
  for (const { id, complete } of objects) made.objects.set(id, { id, complete, marks: [], running: false, rows: [] });
  return made;
}

it('says what can be done next', () => {
  expect(hintOf(model(), false, false)).toBe('Drag a box around an object, then press Enter.');
  expect(hintOf(model([{ id: 1, complete: false }]), false, false)).toMatch(/^Enter tracks it/);
  expect(hintOf(model([{ id: 1, complete: true }], { selected: 1 }), false, false)).toMatch(/correct object 1 from/);
  expect(hintOf(model([{ id: 1, complete: false }], { selected: 1 }), true, false)).toMatch(/^Tracking\. .*object 1/);
  expect(hintOf(model(), false, true)).toBe('Drag a box around the object.');
  expect(hintOf(model([], { draft: { x: 0, y: 0, w: 1, h: 1 } }), false, true)).toMatch(/^Enter uses this box/);
});

it('plays as fast as the frames are shown, or at the rate where no times are known', () => {
  expect(secondsSince(model([], { shownTime: 0.5 }), 0.4)).toBeCloseTo(0.1, 9);
  expect(secondsSince(model([], { shownTime: undefined }), 0.4)).toBe(0.04);
  expect(secondsSince(model([], { shownTime: 0.4 }), 0.4)).toBe(0.04);
});

it('a frame that is gone to lies in the video, and ends playing and following', async () => {
  const shown: number[] = [];
  const pictures = { show: async (frame: number) => void shown.push(frame), ahead: vi.fn() };
  const open = model([], { playing: true, following: true });
  const handlers = { onPicture: vi.fn(), onChange: vi.fn() };
  const { goTo } = createPlayback(open, pictures, handlers, new AbortController().signal);
  for (const frame of [4, 99, -3]) goTo(frame);
  expect(shown).toEqual([4, 9, 0]);
  expect(open).toMatchObject({ playing: false, following: false, frame: 0 });
  expect(handlers.onChange).toHaveBeenCalledTimes(3);
});

it('playing shows every frame to the last one, and begins anew at the end', async () => {
  const shown: number[] = [];
  const pictures = { show: async (frame: number) => void shown.push(frame), ahead: vi.fn() };
  const open = model([], { frame: 9 });
  open.video = { ...open.video, fps: 10_000 };
  const { play } = createPlayback(
    open,
    pictures,
    { onPicture: vi.fn(), onChange: vi.fn() },
    new AbortController().signal,
  );
  await play();
  expect(shown).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(open.playing).toBe(false);
});

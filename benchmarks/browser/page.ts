/** What the benchmark does in the page: bundled for it, and called by its name there. */
import { createTracker, type BrowserOptions, type FrameBox } from '../../src/browser/index.js';

interface Timed {
  /** Milliseconds of each update(). */
  readonly updates: readonly number[];
  /** From the beginning of the page's loading until the networks are open, the first frame is learned, the second frame has its box: milliseconds. */
  readonly opened: number;
  readonly begun: number;
  readonly firstBox: number;
  /** Milliseconds of every run of each stage. */
  readonly stages: readonly (readonly [string, readonly number[]])[];
}

/** Tracks the frames that the server has as RGB: /frames/N. */
async function timed(
  box: FrameBox,
  count: number,
  size: { readonly width: number; readonly height: number },
  options: Omit<Partial<BrowserOptions>, 'onProgress'>,
): Promise<Timed> {
  const tracker = await createTracker({ models: '/models', ...options });
  const opened = performance.now();
  await tracker.init(await frameAt(0, size), box);
  const begun = performance.now();
  const updates: number[] = [];
  let firstBox = 0;
  for (let i = 1; i < count; i++) {
    const frame = await frameAt(i, size);
    const began = performance.now();
    await tracker.update(frame);
    updates.push(performance.now() - began);
    if (i === 1) firstBox = performance.now();
  }
  const stages = [...tracker.stopwatch.stages];
  await tracker.release();
  return { updates, opened, begun, firstBox, stages };
}

async function frameAt(index: number, { width, height }: { width: number; height: number }): Promise<ImageData> {
  const rgb = new Uint8Array(await (await fetch(`/frames/${index}`)).arrayBuffer());
  const image = new ImageData(width, height);
  for (let from = 0, to = 0; from < rgb.length; from += 3, to += 4) {
    image.data.set(rgb.subarray(from, from + 3), to);
    image.data[to + 3] = 255;
  }
  return image;
}

const inPage = { timed };
export type InPage = typeof inPage;
Object.assign(globalThis, { inPage });

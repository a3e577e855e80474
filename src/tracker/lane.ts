/** Runs in a worker thread: a tracker of its own, which does what lanes.ts asks. */
import { parentPort, workerData } from 'node:worker_threads';
import type { TrackerConfig } from '../config.js';
import { messageOf, TrackerError } from '../errors.js';
import type { TrackResult } from '../result.js';
import type { LaneAnswer, LaneOrder } from './lanes.js';
import { createTracker, type Tracker } from './tracker.js';

async function obey(tracker: Tracker, order: LaneOrder): Promise<readonly TrackResult[]> {
  switch (order.call) {
    case 'init':
      return tracker.init(order.frame, order.boxes);
    case 'update':
      return tracker.updateAll(order.frame);
    case 'moveTo':
      tracker.moveTo(order.frame, order.box, order.object);
      return [];
    case 'release':
      await tracker.release();
      return [];
  }
}

const port = parentPort!;
const opened = createTracker(workerData as TrackerConfig);
let last: Promise<void> = Promise.resolve();

async function answer(order: LaneOrder): Promise<void> {
  let said: LaneAnswer;
  try {
    said = { results: await obey(await opened, order) };
  } catch (error) {
    said =
      error instanceof TrackerError
        ? { code: error.code, message: error.message, hint: error.hint }
        : { code: 'RUNTIME_UNAVAILABLE', message: `lane: ${messageOf(error)}`, hint: 'set "lanes": 1 to see more' };
  }
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
  port.postMessage(said);
}

// one after the other: a box that is told while a frame is worked on counts from the next frame on
port.on('message', (order: LaneOrder) => {
  last = last.then(() => answer(order));
});

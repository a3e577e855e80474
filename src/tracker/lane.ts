/** Runs in a worker thread: a group of its own, which does what lanes.ts asks. */
import { parentPort, workerData } from 'node:worker_threads';
import type { TrackerConfig } from '../config.js';
import { messageOf, TrackerError } from '../errors.js';
import { createTrackerGroup } from './group.js';
import type { LaneAnswer, LaneOrder, LaneValues } from './lanes.js';
import type { TrackerGroup } from './types.js';

async function obey(group: TrackerGroup, order: LaneOrder): Promise<LaneValues[LaneOrder['call']]> {
  switch (order.call) {
    case 'describe':
      return group.description;
    case 'init':
      return group.init(order.frame, order.boxes);
    case 'update':
      return group.update(order.frame);
    case 'moveTo':
      return group.moveTo(order.frame, order.box, order.object);
    case 'release':
      return group.release();
  }
}

const port = parentPort!;
const opened = createTrackerGroup(workerData as TrackerConfig);
// who asks first is told of a failure
opened.catch(() => undefined);
let last: Promise<void> = Promise.resolve();

async function answerTo(order: LaneOrder): Promise<void> {
  let answer: LaneAnswer;
  try {
    answer = { value: await obey(await opened, order) };
  } catch (error) {
    answer =
      error instanceof TrackerError
        ? { code: error.code, message: error.message, hint: error.hint }
        : { code: 'RUNTIME_UNAVAILABLE', message: `lane: ${messageOf(error)}`, hint: 'set "lanes": 1 to see more' };
  }
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
  port.postMessage(answer);
}

// one after the other: a box that is told while a frame is worked on counts from the next frame on
port.on('message', (order: LaneOrder) => {
  last = last.then(() => answerTo(order));
});

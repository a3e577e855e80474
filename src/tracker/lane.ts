/** Runs in a worker thread: a group of its own, which does what lanes.ts asks. */
import { parentPort, workerData } from 'node:worker_threads';
import type { TrackerConfig } from '../config.js';
import { messageOf, TrackerError } from '../errors.js';
import { openOneThreadGroup, type OneThreadGroup } from './group.js';
import type { LaneAnswer, LaneOrder, LaneValues } from './lanes.js';

async function obey(group: OneThreadGroup, order: LaneOrder): Promise<LaneValues[LaneOrder['call']]> {
  switch (order.call) {
    case 'describe':
      return group.description;
    case 'init':
      return group.init(order.frame, order.boxes);
    case 'update':
      return group.update(order.frame);
    case 'moveTo':
      return group.moveTo(order.frame, order.box, order.object);
    case 'undo':
      return group.undo();
    case 'release':
      return group.release();
  }
}

const port = parentPort!;
const opened = openOneThreadGroup(workerData as TrackerConfig);
// who asks first is told of a failure
opened.catch(() => undefined);

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

// the group's calls take turns, so that answers come in the order of what was asked
port.on('message', (order: LaneOrder) => void answerTo(order));

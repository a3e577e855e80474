/** Runs in a worker thread: serves a lane. */
import { parentPort, workerData } from 'node:worker_threads';
import type { TrackerConfig } from '../config.js';
import { openOneThreadGroup } from '../tracker/group.js';
import { serveLane } from '../tracker/lane.js';
import type { LaneOrder } from '../tracker/lanes.js';
import { nodePlatform } from './platform.js';

const port = parentPort!;
const answerTo = serveLane(openOneThreadGroup(nodePlatform, workerData as TrackerConfig));

async function obey(order: LaneOrder): Promise<void> {
  const answer = await answerTo(order);
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
  port.postMessage(answer);
}

port.on('message', (order: LaneOrder) => void obey(order));

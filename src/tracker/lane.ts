/** A lane from inside its thread: a group of its own, which does what lanes.ts asks. */
import { messageOf, TrackerError } from '../errors.js';
import type { OneThreadGroup } from './group.js';
import type { LaneAnswer, LaneOrder, LaneValues } from './lanes.js';

/**
 * Serves a group: gives the answer to each order. The group's calls take turns, so that answers come in the order of what was asked.
 * @param opened where it failed, whoever asks is told
 */
export function serveLane(opened: Promise<OneThreadGroup>): (order: LaneOrder) => Promise<LaneAnswer> {
  opened.catch(() => undefined);
  return async (order) => {
    try {
      return { value: await obey(await opened, order) };
    } catch (error) {
      if (error instanceof TrackerError) return { code: error.code, message: error.message, hint: error.hint };
      return { code: 'RUNTIME_UNAVAILABLE', message: `lane: ${messageOf(error)}`, hint: 'set "lanes": 1 to see more' };
    }
  };
}

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

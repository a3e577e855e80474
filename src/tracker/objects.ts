/** One object or several: what is given to init(), and whether the calls after it fit. */
import { TrackerError } from '../errors.js';
import { checkFirstBox, type FrameBox, type Size } from '../geometry.js';

/** One box, or several. */
export type GivenBoxes = FrameBox | readonly FrameBox[];

export const isList = (given: GivenBoxes): given is readonly FrameBox[] => Array.isArray(given);

/** The boxes as a list, each clipped to the frame. @throws TrackerError BOX_INVALID naming the value, or where the list is empty */
export function checkFirstBoxes(given: GivenBoxes, frame: Size): readonly FrameBox[] {
  const boxes = isList(given) ? given : [given];
  if (boxes.length > 0) return boxes.map((box) => checkFirstBox(box, frame));
  throw new TrackerError('BOX_INVALID', 'first boxes: found an empty list, expected a box an object', {
    hint: 'call init(frame, boxes) with one box or more',
  });
}

/** @param objects how many are tracked. @throws TrackerError OPTION_INVALID where update() cannot say which one it tells of */
export function checkAlone(objects: number): void {
  if (objects === 1) return;
  throw new TrackerError('OPTION_INVALID', `tracker: update() of ${objects} objects, expected one`, {
    hint: 'call updateAll(frame): it gives a result an object',
  });
}

/** @throws TrackerError OPTION_INVALID where there is no object of that number */
export function checkObject(object: number, objects: number): void {
  if (Number.isInteger(object) && object >= 0 && object < objects) return;
  throw new TrackerError('OPTION_INVALID', `tracker: object ${object}, expected 0 to ${objects - 1}`, {
    hint: 'an object is named by its place in the list given to init()',
  });
}

export function notStarted(call: string): TrackerError {
  return new TrackerError('TRACKER_NOT_STARTED', `tracker: ${call}() before init()`, {
    hint: 'call init(frame, box) with the object in the first frame',
  });
}

/** Input checks that trackers of one object and of several share. */
import { TrackerError } from '../errors.js';
import { checkFirstBox, type FrameBox, type Size } from '../geometry.js';

/** @param call the one that came too early */
export function notStarted(call: string): TrackerError {
  return new TrackerError('TRACKER_NOT_STARTED', `tracker: ${call}() before init()`, {
    hint: 'call init() with the first frame and the box of each object in it',
  });
}

/** The boxes, each clipped to the frame. @throws TrackerError BOX_INVALID naming the value, or where the list is empty */
export function checkFirstBoxes(boxes: readonly FrameBox[], frame: Size): readonly FrameBox[] {
  if (boxes.length > 0) return boxes.map((box) => checkFirstBox(box, frame));
  throw new TrackerError('BOX_INVALID', 'first boxes: found an empty list, expected a box an object', {
    hint: 'call init(frame, boxes) with one box or more',
  });
}

/** @param objects how many there are. @throws TrackerError OPTION_INVALID where there is no object of that number */
export function checkObject(object: number, objects: number): void {
  if (Number.isInteger(object) && object >= 0 && object < objects) return;
  throw new TrackerError('OPTION_INVALID', `tracker: object ${object}, expected 0 to ${objects - 1}`, {
    hint: 'an object is named by its place in the list given to init()',
  });
}

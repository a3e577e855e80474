/** Calls that take turns: each begins when those made before it have ended, well or badly. */
import { TrackerError } from '../errors.js';

export interface Turns {
  /** Does the work when it is its turn. @throws TrackerError TRACKER_RELEASED where the last turn was asked for before */
  take<T>(work: () => Promise<T>): Promise<T>;
  /** The last turn of all. Asked for again it is the same one. */
  end(work: () => Promise<void>): Promise<void>;
}

export function createTurns(): Turns {
  let last: Promise<unknown> = Promise.resolve();
  let ended: Promise<void> | undefined;
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const result = last.then(work);
    // who made the call is told of its failure; the next one only waits
    last = result.catch(() => undefined);
    return result;
  };
  return {
    take: (work) => (ended ? Promise.reject(released()) : inTurn(work)),
    end: (work) => (ended ??= inTurn(work)),
  };
}

function released(): TrackerError {
  return new TrackerError('TRACKER_RELEASED', 'tracker: called after release()', {
    hint: 'open another one, or release this one later',
  });
}

/** The trackers of the static page: each in a worker, with the models that lie beside the page. */
import type { ModelProgress } from '../../browser/store.js';
import type { VideoPicture } from '../../browser/video-picture.js';
import { createWorkerTrackerGroup } from '../../browser/worker-tracker.js';
import type { TrackerDescription } from '../../tracker/types.js';
import { createTrackerPool, type TrackerPool } from '../track-objects.js';

/** small: 8-bit backbone, 16-bit head; exact: both as they were trained, in 32 bits. */
export type ModelChoice = 'small' | 'exact';

export interface TrackerListener {
  onProgress(progress: ModelProgress): void;
  onOpened(description: TrackerDescription): void;
  /** A tracker does not open; whoever asks for one is told as well. */
  onFailed(error: unknown): void;
}

export function createTrackers(models: ModelChoice, listener: TrackerListener): TrackerPool<VideoPicture> {
  return createTrackerPool<VideoPicture>(async () => {
    const worker = new Worker(new URL('worker.js', document.baseURI), { type: 'module' });
    try {
      const group = await createWorkerTrackerGroup(worker, {
        models: `models/${models}.json`,
        precision: models === 'small' ? 'int8' : 'float',
        onProgress: (progress) => listener.onProgress(progress),
      });
      listener.onOpened(group.description);
      return {
        init: ({ image }, boxes) => group.init(image, boxes),
        update: ({ image }) => group.update(image),
        async release() {
          await group.release();
          worker.terminate();
        },
      };
    } catch (error) {
      worker.terminate();
      listener.onFailed(error);
      throw error;
    }
  });
}

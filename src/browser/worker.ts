/**
 * The script of a worker that tracks for a page; createWorkerTracker() and createWorkerTrackerGroup() talk to it. It exports nothing. A page's
 * own worker.js has one line, `import 'ebm-tracker/web/worker'`, and starts by
 * `new Worker(new URL('./worker.js', import.meta.url), { type: 'module' })`.
 *
 * @packageDocumentation
 */
import { TrackerError } from '../errors.js';
import { createTrackerGroup } from './index.js';
import type { BrowserTrackerGroup } from './types.js';
import { faultOf, type Answer, type Ask, type SentFrame } from './worker-messages.js';

/** The part of a worker's global names that is used; a page's types do not have them. */
interface Port {
  postMessage(answer: Answer): void;
  addEventListener(type: 'message', listener: (event: { readonly data: Ask }) => void): void;
}

serve(globalThis as unknown as Port);

function serve(port: Port): void {
  let group: BrowserTrackerGroup | undefined;
  port.addEventListener('message', ({ data: ask }) => {
    void answerTo(ask).then(
      (value) => port.postMessage({ kind: 'value', id: ask.id, value }),
      (error: unknown) => port.postMessage({ kind: 'fault', id: ask.id, fault: faultOf(error) }),
    );
  });

  async function answerTo(ask: Ask): Promise<unknown> {
    if (ask.call === 'open') {
      const onProgress = (progress: Extract<Answer, { kind: 'progress' }>['progress']): void =>
        port.postMessage({ kind: 'progress', progress });
      group = await createTrackerGroup({ ...ask.given, onProgress });
      return group.description;
    }
    if (!group)
      throw new TrackerError('TRACKER_NOT_STARTED', `${ask.call}: the worker has no tracker yet`, {
        hint: 'wait for createWorkerTracker() first',
      });
    if (ask.call === 'release') return group.release();
    const { frame } = ask.given;
    const answer = withFrame(group, ask);
    // its pixels were read when the call returned
    if ('close' in frame) frame.close();
    return answer;
  }
}

type FrameAsk = Extract<Ask, { given: { frame: SentFrame } }>;

function withFrame(group: BrowserTrackerGroup, { call, given }: FrameAsk): Promise<unknown> {
  switch (call) {
    case 'init':
      return group.init(given.frame, given.boxes);
    case 'update':
      return group.update(given.frame);
    case 'moveTo':
      return group.moveTo(given.frame, given.box, given.object);
  }
}

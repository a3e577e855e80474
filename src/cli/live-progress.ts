/** How a live run is told: frames that came, that were dropped, and how old a frame is when its box has been written. */
import type { LiveEvent, LiveSource } from '../video/live.js';
import { createProgressLine } from './progress.js';
import type { Terminal } from './terminal.js';
import type { TrackProgress } from './track-progress.js';

/** Milliseconds between two lines: rates of a shorter time jump, and frames that were dropped should be told soon. */
const INTERVALS = { terminal: 500, elsewhere: 5000 };
/** Latencies are counted by the millisecond up to here: however long it runs, the counts need no more room. */
const LONGEST = 10_000;

/** @param now milliseconds, a clock */
export function createLiveProgress(
  stderr: Terminal['stderr'],
  source: Pick<LiveSource, 'counts' | 'age'>,
  quiet: boolean,
  now: () => number = () => performance.now(),
): TrackProgress {
  const line = createProgressLine(stderr, { quiet, now, ...INTERVALS });
  const all = createLatencies();
  let recent = createLatencies();
  let before = source.counts();
  let told = now();
  return {
    step(state) {
      const age = source.age();
      all.add(age);
      recent.add(age);
      line.move(() => {
        const { received, dropped } = source.counts();
        const seconds = (now() - told) / 1000;
        const rate = (frames: number): string => `${(frames / seconds).toFixed(1)} fps`;
        const text =
          `live: ${rate(received - before.received)} in, ${rate(recent.count())} tracked, ` +
          `${dropped - before.dropped} dropped, ${recent.text()}, ${state}`;
        before = { ...before, received, dropped };
        recent = createLatencies();
        told = now();
        return text;
      });
    },
    end() {
      if (all.count() === 0) return;
      const { received, dropped, reconnects } = source.counts();
      line.say(`live: ${received} frames came, ${dropped} dropped, ${reconnects} reconnects; ${all.text()}`);
    },
  };
}

export function liveEventText(event: LiveEvent): string {
  if (event.kind === 'stalled') return `no frame for ${event.seconds.toFixed(1)} s`;
  if (event.kind === 'back') return `back after ${event.afterSeconds.toFixed(1)} s`;
  return `connection lost (${event.why}), again in ${event.retryInSeconds} s`;
}

interface Latencies {
  add(milliseconds: number): void;
  count(): number;
  text(): string;
}

/** From a frame's arrival in this process to its box being written. */
function createLatencies(): Latencies {
  const counts = new Uint32Array(LONGEST + 1);
  let total = 0;
  const quantile = (share: number): number => {
    let left = Math.ceil(share * total);
    return Math.max(
      0,
      counts.findIndex((count) => (left -= count) <= 0),
    );
  };
  return {
    add(milliseconds) {
      const bucket = Math.min(LONGEST, Math.max(0, Math.round(milliseconds)));
      counts[bucket] = counts[bucket]! + 1;
      total++;
    },
    count: () => total,
    text: () => `latency ${quantile(0.5)} ms (95%: ${quantile(0.95)} ms)`,
  };
}

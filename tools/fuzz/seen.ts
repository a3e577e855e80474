/** What somebody who reads a numbered video sees of it. */
import { TrackerError } from '../../src/errors.js';
import type { LiveSource } from '../../src/video/live.js';
import type { VideoSource } from '../../src/video/read.js';
import { numberOf } from '../../test/helpers/video.js';

export interface Seen {
  readonly frames: readonly { readonly index: number; readonly time: number; readonly shows: number }[];
  readonly warnings: readonly string[];
  /** Code of the error that ended it; "crash: ..." where it was none of ours. */
  readonly error?: string;
  /** Of a live source. */
  readonly counts?: { readonly received: number; readonly dropped: number };
}

export async function take(open: () => Promise<VideoSource | LiveSource>): Promise<Seen> {
  const frames: Seen['frames'][number][] = [];
  let source: VideoSource | LiveSource | undefined;
  let error: string | undefined;
  try {
    source = await open();
    for await (const frame of source.frames())
      frames.push({ index: frame.index, time: frame.time, shows: numberOf(frame) });
  } catch (cause) {
    error = cause instanceof TrackerError ? cause.code : `crash: ${String(cause)}`;
  }
  const warnings = source?.warnings ?? [];
  const counts = source && 'counts' in source ? { counts: source.counts() } : {};
  return { frames, warnings, ...(error === undefined ? {} : { error }), ...counts };
}

/** When each frame of a file is shown: told from its packets where they tell it, else by decoding it once. */
import { passthroughOption, type Binaries } from './binaries.js';
import { capture, createCommand, inputArguments, startReading } from './command.js';
import { DecodeLog } from './decode-log.js';
import type { VideoInfo } from './probe.js';

export interface FrameIndex {
  /** Seconds from the first frame, rising: entry i is frame i. */
  readonly times: Float64Array;
  /** Frames that are decoded without others, rising; the first is 0. */
  readonly keys: readonly number[];
  /** Seconds from where the file's own times begin to the first frame. */
  readonly offset: number;
  /** A jump to a frame is sure to come to that very frame. */
  readonly jumps: boolean;
}

/** Frames of a file as its packets tell them. */
export interface Packets {
  /** Undefined where the packets do not tell the frames for sure. */
  readonly index: FrameIndex | undefined;
  /** Number of frames, about. */
  readonly count: number;
  /** Times of key frames, rising: seconds from where the file's own times begin. */
  readonly keyTimes: readonly number[];
  /** True if ffmpeg's -ss can jump to these times. */
  readonly jumps: boolean;
}

/** Containers whose packets have the times of frames, one a frame. Transport streams and AVI do not say them all. */
const CONTAINERS = /\b(mov|mp4|matroska|webm)\b/;
/** Its packets may hold frames that are never shown. */
const HIDDEN_FRAMES = 'vp8';
const NOTHING: Packets = { index: undefined, count: 0, keyTimes: [], jumps: false };

/** Never throws. */
export async function readPackets(
  path: string,
  info: VideoInfo,
  binaries: Binaries,
  signal?: AbortSignal,
): Promise<Packets> {
  const stream = info.stream.split(':').at(-1)!;
  // ffprobe cannot read it
  if (info.stream.includes('V')) return NOTHING;
  const entries = 'packet=pts_time,flags:format=format_name,start_time';
  const shown = ['-v', 'error', '-select_streams', stream, '-show_entries', entries, '-of', 'csv'];
  const args = [...shown, ...inputArguments(path)];
  const { stdout, stderr, failure } = await capture(binaries.ffprobe.path, args, 0, signal);
  const packets = failure === undefined ? parsePackets(stdout) : NOTHING;
  // what is damaged, or is there without being shown, shows when it is decoded
  const isSure = stderr.trim() === '' && info.codec !== HIDDEN_FRAMES;
  return isSure ? packets : { ...packets, index: undefined };
}

/** @param csv lines "packet,TIME,FLAGS" in the order of decoding, then "format,NAMES,START" */
export function parsePackets(csv: string): Packets {
  const format = /^format,"?(.*?)"?,(-?[\d.]+)\s*$/m.exec(csv);
  if (!format || !CONTAINERS.test(format[1]!)) return NOTHING;
  const start = Number(format[2]);
  const packets = [...csv.matchAll(/^packet,([^,\n]*),([^,\n]*)/gm)].map(([, time, flags]) => ({
    time: Number(time) - start,
    key: flags!.includes('K'),
    discarded: flags!.includes('D'),
  }));
  const shown = packets.filter(({ discarded }) => !discarded).toSorted((a, b) => a.time - b.time);
  const keyTimes = shown.filter(({ key }) => key).map(({ time }) => time);
  return { index: indexOf(packets, shown), count: shown.length, keyTimes, jumps: true };
}

interface Packet {
  /** Seconds from where the file's own times begin. */
  readonly time: number;
  readonly key: boolean;
  /** An edit list cuts its frame away. */
  readonly discarded: boolean;
}

function indexOf(packets: readonly Packet[], shown: readonly Packet[]): FrameIndex | undefined {
  const [first] = shown;
  // frames that are decoded before the first key frame, or shown before it, may be missing
  if (!first || !packets[0]!.key || shown.some(({ time }) => time < packets[0]!.time)) return undefined;
  if (!shown.every(({ time }, i) => time > (shown[i - 1]?.time ?? -Infinity))) return undefined;
  const keys = [...shown.keys()].filter((i) => i === 0 || shown[i]!.key);
  return { times: Float64Array.from(shown, ({ time }) => time - first.time), keys, offset: first.time, jumps: true };
}

export interface CountOptions {
  readonly signal?: AbortSignal | undefined;
  /** Threads of the decoder; ffmpeg chooses otherwise. */
  readonly threads?: number | undefined;
  /** Told how many frames were found so far. */
  readonly onCount?: (frames: number) => void;
}

/** Decodes the whole file. The frames are those that reading it gives. Never throws; undefined where the signal was aborted. */
export async function decodeIndex(
  path: string,
  info: VideoInfo,
  { keyTimes, jumps }: Packets,
  binaries: Binaries,
  { signal, threads, onCount }: CountOptions = {},
): Promise<FrameIndex | undefined> {
  if (signal?.aborted) return undefined;
  const log = new DecodeLog(info);
  const times: number[] = [];
  const command = createCommand(path, binaries)
    .inputOptions([...DECODER_OPTIONS, ...(threads === undefined ? [] : ['-threads', String(threads)])])
    .output('pipe:1')
    .outputOptions(['-map', info.stream, ...passthroughOption(binaries.ffmpeg)])
    .outputOptions(['-vf', [MICROSECONDS, TELL_TIMES].join()])
    .format('null');
  const run = startReading(command, (line) => {
    log.read(line);
    times.push(...log.takeTimes());
    onCount?.(times.length);
  });
  signal?.addEventListener('abort', run.kill, { once: true });
  run.stdout.resume();
  await run.ended;
  signal?.removeEventListener('abort', run.kill);
  if (signal?.aborted) return undefined;
  const index = { times: Float64Array.from(times), keys: [0], offset: log.origin, jumps: jumps && isRising(times) };
  const keys = keyTimes.map((time) => frameAt(index, time - index.offset));
  return { ...index, keys: [...new Set([0, ...keys])].toSorted((a, b) => a - b) };
}

const isRising = (times: readonly number[]): boolean => times.every((time, i) => i === 0 || time > times[i - 1]!);

/** For a log that DecodeLog reads: with the size of the picture, which is told at verbose only. */
export const DECODER_OPTIONS = ['-hide_banner', '-nostats', '-loglevel', 'repeat+level+verbose', '-noautorotate'];
/** Filter before TELL_TIMES: the unit of times. */
export const MICROSECONDS = 'settb=AVTB';
/** Filters that log the time of each frame. A corner is enough for that, showinfo sums up what it sees. */
export const TELL_TIMES = String.raw`crop=min(iw\,16):min(ih\,16):0:0,showinfo`;

/** Position of the last entry that is not above a value; 0 where all are. */
function lastUpTo(sorted: ArrayLike<number>, value: number): number {
  let [low, high] = [0, sorted.length];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (sorted[middle]! <= value) low = middle;
    else high = middle;
  }
  return low;
}

/** The frame that is nearest to a time. */
export function frameAt({ times }: FrameIndex, time: number): number {
  const before = lastUpTo(times, time);
  return times[before + 1]! - time < time - times[before]! ? before + 1 : before;
}

/** ffmpeg aims so many seconds earlier (3/23 s, as frames may be decoded before they are shown): nearer to a key frame it takes the one before. */
const EARLY_SECONDS = 0.2;

/** A frame, not behind the given one, that a jump reaches without decoding many others. */
export function quickFrame({ times, keys }: FrameIndex, frame: number): number {
  const key = keys[lastUpTo(keys, frame)]!;
  if (key === 0) return 0;
  return Math.min(frame, lastUpTo(times, times[key]! + EARLY_SECONDS) + 1);
}

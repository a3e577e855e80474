/** Probes a file with ffprobe: which video stream is read, its upright size, rate and length. */
import { z } from 'zod';
import { TrackerError } from '../errors.js';
import type { Size } from '../geometry.js';
import type { Binaries } from './binaries.js';
import { capture, inputArguments } from './command.js';
import { orientationOf, turned, UPRIGHT, type Orientation } from './orientation.js';

/** Width and height of one pixel as players show it: [1, 1] is a square. */
export type PixelAspect = readonly [width: number, height: number];

export const SQUARE: PixelAspect = [1, 1];

export interface VideoInfo extends Size, Orientation {
  /** The video stream, as ffmpeg's -map takes it. */
  readonly stream: string;
  /** Average frames a second. */
  readonly fps: number;
  /** Seconds that the video stream lasts by the file's account; undefined where only the whole file, sound and all, has a length. */
  readonly streamSeconds: number | undefined;
  /** Frames that the file announces, or that follow from length and rate; 0 where it says neither. */
  readonly frameCount: number;
  /** Frames that the file says it stores; an edit list may leave some out. Undefined where it does not say. */
  readonly storedFrames: number | undefined;
  /** Width and height of one pixel of the upright picture. */
  readonly pixelAspect: PixelAspect;
  readonly codec: string;
  /** A choice that was made for the user, such as one of several video streams. */
  readonly notes: readonly string[];
}

export interface ProbeOptions {
  /** Number of the stream, as ffprobe counts; left out: the one that players show. */
  readonly stream?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

const DEFAULT_FPS = 25;
/** ffmpeg draws plain text as pictures. */
const TEXT_CODEC = 'ansi';

/**
 * Asks ffprobe; where that cannot read the file, looks at what ffmpeg says when it decodes one frame. (Static builds of ffprobe, among them
 * the one of the installer package, crash on MPEG transport streams, which the ffmpeg beside it reads.)
 * @throws TrackerError VIDEO_UNREADABLE where there is no video stream; OPTION_INVALID where the stream that was asked for is none;
 * INTERRUPTED where the signal was aborted
 */
export async function probeVideo(
  binaries: Binaries,
  path: string,
  { stream, signal }: ProbeOptions = {},
): Promise<VideoInfo> {
  const args = ['-v', 'error', '-of', 'json', '-show_format', '-show_streams', ...inputArguments(path)];
  const { stdout, failure } = await capture(binaries.ffprobe.path, args, 0, signal);
  if (signal?.aborted) throw stopped(path);
  const found = failure === undefined ? readProbe(stdout, path, stream) : undefined;
  const info = found
    ? await withRate(found, binaries, path, signal)
    : await probeByDecoding(binaries, path, stream, signal);
  if (info.codec === TEXT_CODEC) throw unreadable(path, ['(nothing: it takes the file for text, not for a video)']);
  return info;
}

const StreamSchema = z.object({
  index: z.number(),
  codec_type: z.string().optional(),
  codec_name: z.string().optional(),
  width: z.number().optional(),
  height: z.number().optional(),
  sample_aspect_ratio: z.string().optional(),
  avg_frame_rate: z.string().optional(),
  r_frame_rate: z.string().optional(),
  nb_frames: z.string().optional(),
  duration: z.string().optional(),
  disposition: z
    .object({
      default: z.number().optional(),
      attached_pic: z.number().optional(),
      timed_thumbnails: z.number().optional(),
    })
    .optional(),
  tags: z.object({ rotate: z.string().optional() }).optional(),
  side_data_list: z
    .array(z.object({ rotation: z.number().optional(), displaymatrix: z.string().optional() }))
    .optional(),
});

type Stream = z.infer<typeof StreamSchema>;
type VideoStream = Stream & { width: number; height: number };

const ProbeSchema = z.object({
  streams: z.array(StreamSchema).default([]),
  format: z.object({ duration: z.string().optional(), format_name: z.string().optional() }).default({}),
});

/** Undefined where ffprobe sees no video. @throws TrackerError OPTION_INVALID */
function readProbe(json: string, path: string, wanted: number | undefined): ProbedInfo | undefined {
  const { streams, format } = ProbeSchema.parse(JSON.parse(json));
  const videos = streams.filter(isVideo);
  const stream = wanted === undefined ? playedOf(videos) : videos.find(({ index }) => index === wanted);
  if (!stream && wanted !== undefined && videos.length > 0) throw noSuchStream(path, wanted, videos);
  const notes = stream && wanted === undefined ? notesOn(stream, videos) : [];
  const info = stream && describe(stream, positive(format.duration), notes);
  return info && format.format_name === 'avi' ? { ...info, streamSeconds: secondsOfAvi(info) } : info;
}

/** ffprobe tells how much of an AVI file is there; how much there should be follows from its header's count of frames. */
function secondsOfAvi({ streamSeconds, storedFrames, fps }: ProbedInfo): number | undefined {
  const seconds = Math.max(streamSeconds ?? 0, (storedFrames ?? 0) / (fps ?? Infinity));
  return seconds > 0 ? seconds : undefined;
}

interface ProbedInfo extends Omit<VideoInfo, 'fps' | 'frameCount'> {
  /** Undefined where the file does not tell its average. */
  readonly fps: number | undefined;
  /** A rate at which all its times can be said: far above the average where it varies. */
  readonly baseRate: number | undefined;
  /** Seconds, of the stream or else of the whole file. */
  readonly seconds: number;
}

function describe(stream: VideoStream, fileSeconds: number | undefined, notes: readonly string[]): ProbedInfo {
  const side = stream.side_data_list?.find(({ rotation, displaymatrix }) => displaymatrix ?? rotation !== undefined);
  const orientation = orientationOf(side, stream.tags?.rotate);
  const { width, height } = stream;
  const streamSeconds = positive(stream.duration);
  return {
    stream: `0:${stream.index}`,
    ...turned({ width, height }, orientation),
    ...orientation,
    pixelAspect: parseAspect(stream.sample_aspect_ratio, orientation),
    fps: parseRate(stream.avg_frame_rate),
    baseRate: parseRate(stream.r_frame_rate),
    streamSeconds,
    seconds: streamSeconds ?? fileSeconds ?? 0,
    storedFrames: positive(stream.nb_frames),
    codec: stream.codec_name ?? 'unknown',
    notes,
  };
}

const isVideo = (stream: Stream): stream is VideoStream =>
  stream.codec_type === 'video' && Boolean(stream.width && stream.height);

/**
 * The stream that players show: one that is marked as the default, and of those one that is more than a single picture. The cover picture
 * of a sound file is no video.
 */
function playedOf(videos: readonly VideoStream[]): VideoStream | undefined {
  const rank = ({ disposition, nb_frames }: VideoStream): number =>
    (disposition?.default ? 0 : 2) + (nb_frames === '1' ? 1 : 0);
  return videos.filter(isMoving).toSorted((a, b) => rank(a) - rank(b))[0];
}

const isMoving = ({ disposition }: VideoStream): boolean =>
  !disposition?.attached_pic && !disposition?.timed_thumbnails;

function notesOn(taken: VideoStream, videos: readonly VideoStream[]): string[] {
  const moving = videos.filter(isMoving);
  if (moving.length < 2) return [];
  const all = moving.map(nameOf).join(', ');
  return [
    `it holds ${moving.length} video streams (${all}); stream ${taken.index} is read, --stream N chooses another`,
  ];
}

const nameOf = ({ index, codec_name, width, height }: VideoStream): string =>
  `${index}: ${codec_name ?? 'unknown'} ${width} x ${height}`;

function noSuchStream(path: string, wanted: number, videos: readonly VideoStream[]): TrackerError {
  const known = videos.map(nameOf).join(', ');
  return new TrackerError('OPTION_INVALID', `video ${path}: stream ${wanted} is no video, found ${known}`, {
    hint: `for example --stream ${videos[0]!.index}, or leave it out`,
  });
}

/** Packets that are looked at where a file does not tell its rate. */
const RATE_PACKETS = 300;

/** Measures the rate by the first packets where the stream tells none, as in files that browsers record. */
async function withRate(
  { baseRate, seconds, ...info }: ProbedInfo,
  binaries: Binaries,
  path: string,
  signal: AbortSignal | undefined,
): Promise<VideoInfo> {
  const fps = info.fps ?? (await measureRate(info.stream, binaries, path, signal)) ?? baseRate ?? DEFAULT_FPS;
  return { ...info, fps, frameCount: info.storedFrames ?? Math.round(seconds * fps) };
}

async function measureRate(
  stream: string,
  binaries: Binaries,
  path: string,
  signal: AbortSignal | undefined,
): Promise<number | undefined> {
  const some = ['-select_streams', stream.split(':').at(-1)!, '-read_intervals', `%+#${RATE_PACKETS}`];
  const args = ['-v', 'error', ...some, '-show_entries', 'packet=pts_time', '-of', 'csv=p=0', '-i', `file:${path}`];
  const { stdout } = await capture(binaries.ffprobe.path, args, 0, signal);
  const times = [...stdout.matchAll(/^-?[\d.]+/gm)].map(Number);
  const span = Math.max(...times) - Math.min(...times);
  return times.length > 1 && span > 0 ? (times.length - 1) / span : undefined;
}

/** V: video streams without cover pictures. */
const FIRST_VIDEO = '0:V:0';

function stopped(path: string): TrackerError {
  return new TrackerError('INTERRUPTED', `video ${path}: stopped while it was opened`, { hint: 'open it again' });
}

async function probeByDecoding(
  binaries: Binaries,
  path: string,
  wanted: number | undefined,
  signal: AbortSignal | undefined,
): Promise<VideoInfo> {
  const stream = wanted === undefined ? FIRST_VIDEO : `0:${wanted}`;
  const one = ['-map', stream, '-frames:v', '1', '-f', 'null', '-'];
  const args = ['-hide_banner', '-nostdin', ...inputArguments(path), ...one];
  const { stderr, failure } = await capture(binaries.ffmpeg.path, args, 0, signal);
  if (signal?.aborted) throw stopped(path);
  const info = failure === undefined ? readLog(stderr, stream) : undefined;
  if (!info) throw unreadable(path, [...stderr.trim().split('\n'), failure ?? 'no video stream'].filter(Boolean));
  return info;
}

/** ffmpeg's log: the streams of the input, then those of the output, which are upright already. */
function readLog(log: string, stream: string): VideoInfo | undefined {
  const [input = '', output = ''] = log.split(/^Output #0/m);
  const size = /Video: .*?, (\d+)x(\d+)/.exec(output);
  if (!size) return undefined;
  const fps = Number(/, ([\d.]+) fps/.exec(output)?.[1] ?? DEFAULT_FPS);
  const [, hours = 0, minutes = 0, seconds = 0] = /Duration: (\d+):(\d+):([\d.]+)/.exec(input) ?? [];
  const length = Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds);
  return {
    stream,
    width: Number(size[1]),
    height: Number(size[2]),
    fps,
    streamSeconds: undefined,
    frameCount: Math.round(length * fps),
    storedFrames: undefined,
    ...orientationOf({ rotation: Number(/rotation of (-?[\d.]+) degrees/.exec(input)?.[1] ?? 0) }),
    pixelAspect: parseAspect(/\[SAR (\d+:\d+) /.exec(output)?.[1]),
    notes: [],
    codec: /Video: (\w+)/.exec(input)?.[1] ?? 'unknown',
  };
}

const LINES_SHOWN = 4;

/** @param log ffmpeg's own words; the last lines are shown */
export function unreadable(path: string, log: readonly string[]): TrackerError {
  const words = log.slice(-LINES_SHOWN).join('\n  ') || 'it gave no reason';
  return new TrackerError('VIDEO_UNREADABLE', `video ${path}: not one frame could be read; ffmpeg said:\n  ${words}`, {
    hint: 'expected a whole video file that ffmpeg reads, a folder of images, or a pattern such as img/%08d.jpg',
  });
}

/** Above this it is a clock rate that stands in for an unknown frame rate. */
const MAX_FPS = 1000;

/** "30000/1001" -> 29.97; undefined where unknown. */
function parseRate(text: string | undefined): number | undefined {
  const [over, under = 1] = (text ?? '').split('/').map(Number);
  const rate = over! / under;
  return rate > 0 && rate <= MAX_FPS ? rate : undefined;
}

function positive(text: string | undefined): number | undefined {
  const value = Number(text);
  return value > 0 && Number.isFinite(value) ? value : undefined;
}

/** "64:45" of the stored picture -> that of the upright one; pixels are squares where it says nothing. */
export function parseAspect(text: string | undefined, orientation = UPRIGHT): PixelAspect {
  const [width = 0, height = 0] = (text ?? '').split(':').map(Number);
  if (!(width > 0 && height > 0)) return SQUARE;
  const upright = turned({ width, height }, orientation);
  return [upright.width, upright.height];
}

/** What a file's video stream is: upright size, rate, length. */
import { z } from 'zod';
import { TrackerError } from '../errors.js';
import type { Size } from '../geometry.js';
import type { Binaries } from './binaries.js';
import { capture, inputArguments } from './command.js';

export interface VideoInfo extends Size {
  /** The video stream, as ffmpeg's -map takes it. */
  readonly stream: string;
  /** Average frames a second. */
  readonly fps: number;
  /** Seconds that the video stream lasts by the file's account; undefined where only the whole file, sound and all, has a length. */
  readonly streamSeconds: number | undefined;
  /** Frames that the file announces, or that follow from length and rate; 0 where it says neither. */
  readonly frameCount: number;
  /** Clockwise turn that makes the coded picture upright, degrees, 0 to 359. */
  readonly rotation: number;
  readonly codec: string;
}

const DEFAULT_FPS = 25;
/** ffmpeg draws plain text as pictures. */
const TEXT_CODEC = 'ansi';

/**
 * Asks ffprobe; where that cannot read the file, looks at what ffmpeg says when it decodes one frame. (Static builds of ffprobe, among them
 * the one of the installer package, crash on MPEG transport streams, which the ffmpeg beside it reads.)
 * @throws TrackerError VIDEO_UNREADABLE where there is no video stream; INTERRUPTED where the signal was aborted
 */
export async function probeVideo(binaries: Binaries, path: string, signal?: AbortSignal): Promise<VideoInfo> {
  const args = ['-v', 'error', '-of', 'json', '-show_format', '-show_streams', ...inputArguments(path)];
  const { stdout, failure } = await capture(binaries.ffprobe.path, args, 0, signal);
  if (signal?.aborted) throw stopped(path);
  const info =
    (failure === undefined ? readProbe(stdout) : undefined) ?? (await probeByDecoding(binaries, path, signal));
  if (info.codec === TEXT_CODEC) throw unreadable(path, ['(nothing: it takes the file for text, not for a video)']);
  return info;
}

const ProbeSchema = z.object({
  streams: z
    .array(
      z.object({
        index: z.number(),
        codec_type: z.string().optional(),
        codec_name: z.string().optional(),
        width: z.number().optional(),
        height: z.number().optional(),
        avg_frame_rate: z.string().optional(),
        r_frame_rate: z.string().optional(),
        nb_frames: z.string().optional(),
        duration: z.string().optional(),
        disposition: z.object({ attached_pic: z.number().optional() }).optional(),
        tags: z.object({ rotate: z.string().optional() }).optional(),
        side_data_list: z.array(z.object({ rotation: z.number().optional() })).optional(),
      }),
    )
    .default([]),
  format: z.object({ duration: z.string().optional() }).default({}),
});

function readProbe(json: string): VideoInfo | undefined {
  const { streams, format } = ProbeSchema.parse(JSON.parse(json));
  // the cover picture of a sound file is no video
  const stream = streams.find(({ codec_type, disposition }) => codec_type === 'video' && !disposition?.attached_pic);
  if (!stream?.width || !stream.height) return undefined;
  const matrix = stream.side_data_list?.find((data) => data.rotation !== undefined)?.rotation;
  // the display matrix counts anticlockwise, the tag of older files clockwise
  const rotation = normalTurn(matrix === undefined ? Number(stream.tags?.rotate ?? 0) : -matrix);
  const turned = rotation % 180 === 90;
  const fps = parseRate(stream.avg_frame_rate) ?? parseRate(stream.r_frame_rate) ?? DEFAULT_FPS;
  const streamSeconds = positive(stream.duration);
  const seconds = streamSeconds ?? positive(format.duration) ?? 0;
  return {
    stream: `0:${stream.index}`,
    width: turned ? stream.height : stream.width,
    height: turned ? stream.width : stream.height,
    fps,
    streamSeconds,
    frameCount: positive(stream.nb_frames) ?? Math.round(seconds * fps),
    rotation,
    codec: stream.codec_name ?? 'unknown',
  };
}

/** V: video streams without cover pictures. */
const FIRST_VIDEO = '0:V:0';

function stopped(path: string): TrackerError {
  return new TrackerError('INTERRUPTED', `video ${path}: stopped while it was opened`, { hint: 'open it again' });
}

async function probeByDecoding(binaries: Binaries, path: string, signal?: AbortSignal): Promise<VideoInfo> {
  const args = [
    '-hide_banner',
    '-nostdin',
    ...inputArguments(path),
    '-map',
    FIRST_VIDEO,
    '-frames:v',
    '1',
    '-f',
    'null',
    '-',
  ];
  const { stderr, failure } = await capture(binaries.ffmpeg.path, args, 0, signal);
  if (signal?.aborted) throw stopped(path);
  const info = failure === undefined ? readLog(stderr) : undefined;
  if (!info) throw unreadable(path, [...stderr.trim().split('\n'), failure ?? 'no video stream'].filter(Boolean));
  return info;
}

/** ffmpeg's log: the streams of the input, then those of the output, which are upright already. */
function readLog(log: string): VideoInfo | undefined {
  const [input = '', output = ''] = log.split(/^Output #0/m);
  const size = /Video: .*?, (\d+)x(\d+)/.exec(output);
  if (!size) return undefined;
  const fps = Number(/, ([\d.]+) fps/.exec(output)?.[1] ?? DEFAULT_FPS);
  const [, hours = 0, minutes = 0, seconds = 0] = /Duration: (\d+):(\d+):([\d.]+)/.exec(input) ?? [];
  const length = Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds);
  return {
    stream: FIRST_VIDEO,
    width: Number(size[1]),
    height: Number(size[2]),
    fps,
    streamSeconds: undefined,
    frameCount: Math.round(length * fps),
    rotation: normalTurn(-Number(/rotation of (-?[\d.]+) degrees/.exec(input)?.[1] ?? 0)),
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

function normalTurn(degrees: number): number {
  return Number.isFinite(degrees) ? ((Math.round(degrees) % 360) + 360) % 360 : 0;
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

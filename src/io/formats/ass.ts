/**
 * ASS subtitles: the boxes over any player that shows styled subtitles, the video as it is. PlayRes is the size of the video, so a unit is a
 * pixel. A box is a drawing at \pos with its origin in the top left corner (\an7), path "m 0 0 l w 0 w h 0 h" in 1/128 pixel: \p8 divides by
 * 2^7, and older renderers take whole numbers only (aegisub.org/docs/latest/ass_tags: \p, \pos, \an). Its border lies outside the edge.
 *
 * Times have hundredths of a second, and an event shows from its start until before its end: a frame's event goes from half-way behind the
 * frame before to half-way before the next, as Aegisub does it, so that rounding cannot shift it by a frame (up to 100 frames a second).
 * Number, confidence and state stand in the field of the speaker's name, which no player shows.
 */
import type { TrackState } from '../../result.js';
import { STATE_COLOURS, type Colour } from '../../image/draw.js';
import { splitLines } from '../text.js';
import {
  checkedRow,
  invalid,
  isState,
  needFps,
  needSize,
  rounded,
  timeOf,
  type Media,
  type ReadContext,
  type ReadRow,
  type TrackRow,
  type TrackWriter,
  type WrittenFormat,
} from './format.js';

const EVENT_FIELDS = 'Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text';
const STYLE_FIELDS =
  'Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, Underline, StrikeOut, ScaleX, ScaleY, ' +
  'Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding';
const BOX_STYLE = 'Box';
const TEXT_STYLE = 'Text';
/** \p8 */
const SCALE_TAG = 8;
const UNITS = 2 ** (SCALE_TAG - 1);
/** The shorter side of the picture for each pixel of line width, and for each of the letters' height. */
const SIDE_PER_LINE = 240;
const SIDE_PER_LETTER = 30;

export const ass: WrittenFormat = {
  title: 'ASS subtitles',
  endings: ['.ass'],
  writer: (media) => createAssWriter(media),
};

// --- writing ---

function createAssWriter(media: Media): TrackWriter {
  const size = needSize(media, 'ASS');
  const frameSeconds = 1 / needFps(media, 'ASS');
  /** Rows of one frame, until the next one tells how long it lasts. */
  let waiting: TrackRow[] = [];
  let start = 0;
  const flush = (next: Pick<TrackRow, 'frame' | 'time'> | undefined): string => {
    const last = waiting[0];
    if (!last) return '';
    const follows = next?.frame === last.frame + 1;
    const end = follows ? (last.time + next.time) / 2 : last.time + frameSeconds / 2;
    const text = waiting.map((row) => events(row, start, end)).join('');
    start = next ? (follows ? end : next.time - frameSeconds / 2) : end;
    waiting = [];
    return text;
  };
  return {
    begin: () => head(media.name, size.width, size.height),
    row(row) {
      const begins = waiting[0]?.frame !== row.frame;
      if (begins && waiting.length === 0) start = row.time - frameSeconds / 2;
      const text = begins ? flush(row) : '';
      waiting.push(row);
      return text;
    },
    end: () => flush(undefined),
  };
}

function head(name: string, width: number, height: number): string {
  const side = Math.min(width, height);
  const line = Math.max(1, Math.round(side / SIDE_PER_LINE));
  const letters = Math.max(8, Math.round(side / SIDE_PER_LETTER));
  const colours = '&H00FFFFFF,&H00FFFFFF,&H00000000,&H00000000';
  const style = (named: string, outline: number): string =>
    `Style: ${named},Arial,${letters},${colours},0,0,0,0,100,100,0,0,1,${outline},0,7,0,0,0,1`;
  return `[Script Info]
; boxes of ebm-tracker
Title: ${name.replaceAll(/\s+/g, ' ')}
ScriptType: v4.00+
PlayResX: ${width}
PlayResY: ${height}
LayoutResX: ${width}
LayoutResY: ${height}
WrapStyle: 2
ScaledBorderAndShadow: yes
YCbCr Matrix: None

[V4+ Styles]
Format: ${STYLE_FIELDS}
${style(BOX_STYLE, line)}
${style(TEXT_STYLE, 1)}

[Events]
Format: ${EVENT_FIELDS}
`;
}

function events(row: TrackRow, start: number, end: number): string {
  const { id, frame, time, box, confidence, state } = row;
  const colour = assColour(STATE_COLOURS[state]);
  const [x, y] = [rounded(box.x, 3), rounded(box.y, 3)];
  const [w, h] = [Math.round(box.w * UNITS), Math.round(box.h * UNITS)];
  const name = `id=${id} frame=${frame} time=${rounded(time, 6)} confidence=${rounded(confidence, 4)} state=${state}`;
  const shows = `${clock(start)},${clock(end)}`;
  const border = state === 'lost' ? String.raw`\3a&H80&` : '';
  const drawing = String.raw`{\an7\pos(${x},${y})\1a&HFF&\3c${colour}${border}\p${SCALE_TAG}}m 0 0 l ${w} 0 ${w} ${h} 0 ${h}{\p0}`;
  const label = String.raw`{\an1\pos(${x},${rounded(box.y - 3, 3)})\1c${colour}}${id} ${state} ${confidence.toFixed(2)}`;
  return (
    `Dialogue: 0,${shows},${BOX_STYLE},${name},0,0,0,,${drawing}\n` +
    `Dialogue: 1,${shows},${TEXT_STYLE},,0,0,0,,${label}\n`
  );
}

/** &HBBGGRR& */
function assColour([red, green, blue]: Colour): string {
  const hex = [blue, green, red].map((part) => part.toString(16).toUpperCase().padStart(2, '0'));
  return `&H${hex.join('')}&`;
}

/** 3723.456 -> "1:02:03.46" */
function clock(seconds: number): string {
  const hundredths = Math.max(0, Math.round(seconds * 100));
  const two = (value: number): string => String(value).padStart(2, '0');
  const whole = Math.floor(hundredths / 100);
  return `${Math.floor(whole / 3600)}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}.${two(hundredths % 100)}`;
}

// --- reading ---

const NUMBER = String.raw`\s*(-?\d+(?:\.\d+)?)\s*`;
const POSITION = new RegExp(String.raw`\\pos\(${NUMBER},${NUMBER}\)`);
const SCALE = /\\p([1-9]\d?)/;
const PATH = new RegExp(String.raw`m 0 0 l${NUMBER} 0 ${NUMBER}${NUMBER} 0 ${NUMBER}(?:\{|$)`);

/** The boxes among the events; this program's own labels beside them are no further events. */
export function parseAss(text: string, context: ReadContext): ReadRow[] {
  const lines = splitLines(text);
  if (!lines.some((line) => line.trim().toLowerCase() === '[events]'))
    throw invalid(context.where, 'found no [Events], expected ASS subtitles');
  return lines.flatMap((line, i): ReadRow[] => {
    if (!line.startsWith('Dialogue:')) return [];
    const row = parseEvent(line, context, i + 1);
    if (!row && !line.includes(`,${TEXT_STYLE},,`)) context.skip('subtitle', ' without a box');
    return row ? [row] : [];
  });
}

function parseEvent(line: string, { media, where }: ReadContext, at: number): ReadRow | undefined {
  const place = `${where}, line ${at}`;
  const fields = line.slice('Dialogue:'.length).split(',');
  const drawing = fields.slice(EVENT_FIELDS.split(',').length - 1).join(',');
  const [, x, y] = POSITION.exec(drawing) ?? [];
  const path = PATH.exec(drawing)?.slice(1).map(Number);
  const scale = SCALE.exec(drawing)?.[1];
  if (!path || x === undefined || scale === undefined) return undefined;
  const units = 2 ** (Number(scale) - 1);
  const said = new Map(
    (fields[4] ?? '')
      .trim()
      .split(' ')
      .map((pair): [string, string] => {
        const [key = '', value = ''] = pair.split('=', 2);
        return [key, value];
      }),
  );
  const frame = Number(said.get('frame') ?? frameAt(fields[1] ?? '', fields[2] ?? '', media, place));
  const [id, state] = [said.get('id'), said.get('state')];
  const row: ReadRow = {
    frame,
    time: Number(said.get('time') ?? timeOf(frame, media)),
    id: id === undefined ? undefined : Number(id),
    box: { x: Number(x), y: Number(y), w: path[0]! / units, h: path[2]! / units },
    confidence: Number(said.get('confidence') ?? 1),
    state: isState(state) ? state : ('tracking' satisfies TrackState),
    at,
  };
  return checkedRow(row, place);
}

/** The frame in the middle of an event. */
function frameAt(start: string, end: string, media: Media, where: string): number {
  const seconds = [start, end].map((text) => text.split(':').reduce((sum, part) => 60 * sum + Number(part), 0));
  const middle = (seconds[0]! + seconds[1]!) / 2;
  if (!Number.isFinite(middle)) throw invalid(where, `found the times ${start} and ${end}, expected 0:00:00.00`);
  return Math.round(middle * needFps(media, 'ASS'));
}

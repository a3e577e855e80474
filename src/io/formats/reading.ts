/** Checks of the rows of every format, after its parser: which object is which, duplicates, and notes of rows left out. */
import { TrackerError } from '../../errors.js';
import { counted, inOrder, invalid, type Media, type ReadContext, type ReadRow, type TrackRow } from './format.js';

export interface ContextOptions {
  readonly media: Media;
  readonly where: string;
  readonly task?: string | undefined;
  readonly extent?: boolean | undefined;
  readonly onNote?: ((note: string) => void) | undefined;
}

/** A context that also knows what was left out. */
export interface CountingContext extends ReadContext {
  /** How many of each kind, "2 polygons, 1 mask"; empty where there are none. */
  counts(kind: 'skipped' | 'taken' | 'empty'): string;
}

/** How many of each kind. */
function createCounter(): { add(noun: string, rest?: string): void; text(): string } {
  const counts = new Map<string, { noun: string; rest: string; count: number }>();
  return {
    add(noun, rest = '') {
      const known = counts.get(noun + rest) ?? { noun, rest, count: 0 };
      counts.set(noun + rest, { ...known, count: known.count + 1 });
    },
    text: () => [...counts.values()].map(({ noun, rest, count }) => counted(count, noun) + rest).join(', '),
  };
}

export function createContext({ media, where, task, extent = false, onNote }: ContextOptions): CountingContext {
  const counters = { skipped: createCounter(), taken: createCounter(), empty: createCounter() };
  return {
    where,
    media,
    task,
    extent,
    note: (text) => onNote?.(`${where}: ${text}`),
    skip: counters.skipped.add,
    take: counters.taken.add,
    empty: counters.empty.add,
    counts: (kind) => counters[kind].text(),
  };
}

/**
 * Says aloud what was left out beside boxes.
 * @param required whether no box at all is a fault
 * @throws TrackerError DATA_INVALID where there is no box, but something else
 */
export function tellSkipped(rows: readonly ReadRow[], context: CountingContext, required: boolean): void {
  const [skipped, taken, empty] = (['skipped', 'taken', 'empty'] as const).map(context.counts);
  if (taken) context.note(`took the extent of ${taken} as boxes`);
  if (rows.length === 0 && (skipped || required))
    throw noBox(context.where, [skipped, empty].filter(Boolean).join(', '));
  if (skipped) context.note(`left out ${skipped}; read ${counted(rows.length, 'box')}`);
}

/** @param skipped what was found instead */
function noBox(where: string, skipped: string): TrackerError {
  const found = skipped === '' ? 'found no box' : `found no box, but ${skipped}`;
  return new TrackerError('DATA_INVALID', `${where}: ${found}; expected one box at least`, { hint: hintFor(skipped) });
}

function hintFor(skipped: string): string {
  if (/cancelled/.test(skipped))
    return 'submit the annotation in Label Studio (a skipped task is a cancelled one), and export again';
  if (/rectangle/.test(skipped))
    return 'export pictures as COCO, whose file names tell the frames, and a video with VideoRectangle regions';
  if (/polygon|polyline|ellipse|mask|cuboid|skeleton|point/.test(skipped))
    return 'take the extent of these shapes as boxes: ebm-tracker convert IN OUT --extent';
  return 'check that it is the right file, and that it was exported with its boxes';
}

/**
 * Rows with a number each. Where no row of the file says which object it is, and no frame has two, they are one object, 1; where only some
 * do not say it, each of these is an object of its own.
 * @param sorted see inOrder()
 * @throws TrackerError DATA_INVALID naming the frame where objects cannot be told apart
 */
export function identified(sorted: readonly ReadRow[], unit: string, { where, note }: ReadContext): TrackRow[] {
  const unnamed = sorted.filter(({ id }) => id === undefined);
  if (unnamed.length === sorted.length) return oneObject(sorted, unit, where);
  const last = sorted.reduce((most, { id = 0 }) => Math.max(most, id), 0);
  if (unnamed.length > 0)
    note(`${counted(unnamed.length, 'box')} without an object's number: each became an object of its own`);
  let next = last;
  return inOrder(sorted.map((row) => numberedRow(row, row.id ?? ++next)));
}

function numberedRow({ frame, time, box, confidence, state }: ReadRow, id: number): TrackRow {
  return { frame, time, id, box, confidence, state };
}

function oneObject(sorted: readonly ReadRow[], unit: string, where: string): TrackRow[] {
  return sorted.map((row, i) => {
    const before = sorted[i - 1];
    if (before?.frame !== row.frame) return numberedRow(row, 1);
    throw invalid(
      `${where}, ${unit} ${row.at}`,
      `frame ${row.frame} has a second box (the first is ${unit} ${before.at}), and nothing says which object is which`,
      undefined,
      'export with the numbers of tracks, for example as CVAT for video 1.1; to track these boxes: ebm-tracker track VIDEO --boxes FILE',
    );
  });
}

/** @param sorted see inOrder(). @throws TrackerError DATA_INVALID where an object stands twice in a frame, naming both places */
export function refuseTwice(sorted: readonly ReadRow[], unit: string, { where }: ReadContext): void {
  for (const [i, row] of sorted.entries()) {
    const before = sorted[i - 1];
    if (row.id === undefined || before?.id !== row.id || before.frame !== row.frame) continue;
    throw invalid(
      `${where}, ${unit} ${row.at}`,
      `object ${row.id} stands twice in frame ${row.frame} (counted from 0): ${boxText(before)} in ${unit} ${before.at}, and ${boxText(row)}`,
      undefined,
      'give each object a number of its own, or remove one of the two',
    );
  }
}

const boxText = ({ box: { x, y, w, h } }: ReadRow): string =>
  [x, y, w, h].map((value) => Number(value.toFixed(3))).join(',');

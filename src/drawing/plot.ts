/** Parts of a plot as SVG text: places of values, ticks with their labels, lines. Colours and frames are the caller's. */

/** Edges of the field in which values lie, in pixels of the picture. */
export interface Field {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** Values at the two ends of an axis. */
export type Range = readonly [from: number, to: number];

export interface Tick {
  readonly value: number;
  readonly label: string;
}

export interface Plot {
  /** Pixel of a value on the horizontal axis, to a tenth. */
  readonly x: (value: number) => number;
  /** Pixel of a value on the vertical axis, to a tenth. */
  readonly y: (value: number) => number;
  /** Horizontal lines over the field, each with its label on the left. @param attributes looks of the lines */
  readonly rows: (ticks: readonly Tick[], attributes: string) => string;
  /** Labels below the field. */
  readonly columns: (ticks: readonly Tick[]) => string;
  /** A line through points (x, y). @param attributes its looks */
  readonly line: (points: readonly (readonly [number, number])[], attributes: string) => string;
}

/** Pixels between the field and the labels. */
const GAP = { left: 6, below: 16 };
/** From the middle of a label to its baseline. */
const HALF_LETTER = 4;

export function createPlot({ left, right, top, bottom }: Field, across: Range, up: Range): Plot {
  const x = place(across, [left, right]);
  const y = place(up, [bottom, top]);
  return {
    x,
    y,
    rows: (ticks, attributes) =>
      ticks
        .map(
          ({ value, label }) =>
            `<line x1="${left}" x2="${right}" y1="${y(value)}" y2="${y(value)}" ${attributes}/>` +
            `<text x="${left - GAP.left}" y="${y(value) + HALF_LETTER}" text-anchor="end">${label}</text>`,
        )
        .join('\n'),
    columns: (ticks) =>
      ticks
        .map(
          ({ value, label }) => `<text x="${x(value)}" y="${bottom + GAP.below}" text-anchor="middle">${label}</text>`,
        )
        .join('\n'),
    line: (points, attributes) =>
      `<polyline fill="none" points="${points.map(([px, py]) => `${x(px)},${y(py)}`).join(' ')}" ${attributes}/>`,
  };
}

/** Values at equal distances from one end to the other. @param count at least two */
export function ticksOf([from, to]: Range, count: number, label: (value: number) => string): Tick[] {
  return Array.from({ length: count }, (_, i) => {
    const value = from + ((to - from) * i) / (count - 1);
    return { value, label: label(value) };
  });
}

function place([from, to]: Range, [first, last]: Range): (value: number) => number {
  return (value) => Number((first + ((value - from) / (to - from)) * (last - first)).toFixed(1));
}

/** Several values of each tracker on spokes around a centre: one polygon a tracker. */
import { escape, stroke } from './markup.js';

export interface RadarSeries {
  readonly name: string;
  /** 0 to 1, one a spoke; a spoke without a value is passed over. */
  readonly values: readonly (number | undefined)[];
}

/** Fewer spokes enclose no area. */
export const MIN_SPOKES = 3;

const WIDTH = 480;
const HEIGHT = 340;
const CENTRE = { x: WIDTH / 2, y: HEIGHT / 2 };
const RADIUS = 122;
/** From the rim to the names. */
const GAP = 12;
const RINGS = 4;
/** Pixels between the lines of a name. */
const LINE = 14;
/** Longer lines would leave the picture; the table beside it has them whole. */
const MAX_LETTERS = 14;

interface Point {
  readonly x: number;
  readonly y: number;
}

/** Point at a share of the radius on spoke `k` of `spokes`: the first points up, the others follow clockwise. */
export function spokePoint(k: number, spokes: number, share: number, radius = RADIUS): Point {
  const angle = (2 * Math.PI * k) / spokes - Math.PI / 2;
  const at = (centre: number, part: number): number => Number((centre + share * radius * part).toFixed(1));
  return { x: at(CENTRE.x, Math.cos(angle)), y: at(CENTRE.y, Math.sin(angle)) };
}

/** The rim: the smallest tenth that holds all values, so that small values can be told apart. */
export function rimOf(series: readonly RadarSeries[]): number {
  const largest = Math.max(0, ...series.flatMap(({ values }) => values.map((value) => value ?? 0)));
  return Math.min(1, Math.max(0.1, Math.ceil(Number((10 * largest).toFixed(9))) / 10));
}

/** An SVG element. @returns '' for fewer than three spokes */
export function renderRadar(caption: string, spokes: readonly string[], series: readonly RadarSeries[]): string {
  const n = spokes.length;
  if (n < MIN_SPOKES) return '';
  const rim = rimOf(series);
  const rings = Array.from({ length: RINGS }, (_, i) => ring(n, (i + 1) / RINGS, rim));
  const polygons = series.map((one, i) => polygon(one, i, rim));
  return `<svg class="radar" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img"><title>${escape(caption)}</title>
${rings.join('\n')}
${spokes.map((name, k) => spoke(name, k, n)).join('\n')}
${polygons.join('\n')}</svg>`;
}

function ring(spokes: number, share: number, rim: number): string {
  const points = Array.from({ length: spokes }, (_, k) => pair(spokePoint(k, spokes, share))).join(' ');
  const { x, y } = spokePoint(0, spokes, share);
  return (
    `<polygon points="${points}" fill="none" stroke="currentColor" stroke-opacity=".2"/>` +
    `<text x="${x + 3}" y="${y + 11}" class="faint">${Number((100 * share * rim).toFixed(1))}</text>`
  );
}

function spoke(name: string, k: number, spokes: number): string {
  const end = spokePoint(k, spokes, 1);
  const label = spokePoint(k, spokes, 1, RADIUS + GAP);
  const side = label.x - CENTRE.x;
  const anchor = Math.abs(side) < 1 ? 'middle' : side > 0 ? 'start' : 'end';
  const lines = linesOf(name);
  // a name of two lines grows away from the centre at the top, towards the rim's height at the sides
  const top = label.y + 4 - (lines.length - 1) * LINE * (0.5 - (label.y - CENTRE.y) / (2 * (RADIUS + GAP)));
  const words = lines.map(
    (line, i) => `<tspan x="${label.x}" y="${Number((top + i * LINE).toFixed(1))}">${escape(clip(line))}</tspan>`,
  );
  return (
    `<line x1="${CENTRE.x}" y1="${CENTRE.y}" x2="${end.x}" y2="${end.y}" stroke="currentColor" stroke-opacity=".2"/>` +
    `<text text-anchor="${anchor}">${words.join('')}</text>`
  );
}

/** One line, or two, divided at the blank next to the middle where it is too long. */
function linesOf(name: string): string[] {
  const blanks = [...name.matchAll(/ /g)].map(({ index }) => index);
  if (name.length <= MAX_LETTERS || blanks.length === 0) return [name];
  const far = (blank: number): number => Math.abs(blank - name.length / 2);
  const at = blanks.reduce((best, blank) => (far(blank) < far(best) ? blank : best));
  return [name.slice(0, at), name.slice(at + 1)];
}

function polygon({ name, values }: RadarSeries, i: number, rim: number): string {
  const points = values.flatMap((value, k) =>
    value === undefined ? [] : [pair(spokePoint(k, values.length, value / rim))],
  );
  return `<polygon fill="none" ${stroke(i)} points="${points.join(' ')}"><title>${escape(name)}</title></polygon>`;
}

const pair = ({ x, y }: Point): string => `${x},${y}`;

function clip(name: string): string {
  return name.length > MAX_LETTERS ? `${name.slice(0, MAX_LETTERS - 1)}…` : name;
}

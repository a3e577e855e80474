/** Sheets of p(y | x): heat maps as SVG paths, one path a shade, a run of equal cells one rectangle. */
import type { Heat } from './divergence.js';

export interface Panel {
  readonly title: string;
  readonly heat: Heat;
}

const SCALE = 2;
const GAP = 12;
const TITLE = 16;
const ACROSS = 4;
/** From white to dark blue; the root of the mass chooses, so that tails show. */
const SHADES = ['#dfe9f5', '#bcd3ea', '#8fb8dc', '#5f9acb', '#3a7ab5', '#235a96', '#133c70', '#0a2148'] as const;

/** @param truth its largest mass is the darkest shade of every panel */
export function renderSheet(heading: string, truth: Heat, panels: readonly Panel[]): string {
  const width = truth.columns * SCALE;
  const height = truth.rows * SCALE;
  const all: Panel[] = [{ title: 'truth', heat: truth }, ...panels];
  const top = Math.max(...truth.mass);
  const lines = Math.ceil(all.length / ACROSS);
  const fullWidth = GAP + Math.min(ACROSS, all.length) * (width + GAP);
  const fullHeight = GAP + TITLE + lines * (height + TITLE + GAP);
  const body = all.map(({ title, heat }, i) => {
    const x = GAP + (i % ACROSS) * (width + GAP);
    const y = GAP + 2 * TITLE + Math.floor(i / ACROSS) * (height + TITLE + GAP);
    return [
      `<text x="${x}" y="${y - 4}">${title}</text>`,
      `<g transform="translate(${x} ${y}) scale(${SCALE})" shape-rendering="crispEdges">`,
      `<rect width="${heat.columns}" height="${heat.rows}" fill="#fff" stroke="#999" stroke-width=".5"/>`,
      ...shadePaths(heat, top),
      '</g>',
    ].join('\n');
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${fullWidth}" height="${fullHeight}" font-family="sans-serif" font-size="11">`,
    `<rect width="100%" height="100%" fill="#fff"/>`,
    `<text x="${GAP}" y="${GAP + 4}" font-size="13">${heading}</text>`,
    ...body,
    '</svg>\n',
  ].join('\n');
}

function shadePaths(heat: Heat, top: number): string[] {
  const paths = SHADES.map(() => '');
  for (let row = 0; row < heat.rows; row++) {
    const shade = (column: number): number => shadeOf(heat.mass[column * heat.rows + row]!, top);
    for (let column = 0; column < heat.columns;) {
      const from = column;
      const level = shade(from);
      while (column < heat.columns && shade(column) === level) column++;
      // y points up
      if (level >= 0) paths[level] += `M${from} ${heat.rows - 1 - row}h${column - from}v1h${from - column}z`;
    }
  }
  return paths.map((path, i) => (path === '' ? '' : `<path fill="${SHADES[i]}" d="${path}"/>`)).filter((p) => p !== '');
}

/** -1 for white. */
function shadeOf(mass: number, top: number): number {
  return Math.min(SHADES.length, Math.round(SHADES.length * Math.sqrt(mass / top))) - 1;
}

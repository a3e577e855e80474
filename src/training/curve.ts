/** The curve of a training run as a picture: losses above, figures on held-out pairs below. */
import { readFile } from 'node:fs/promises';
import { createPlot, ticksOf } from '../drawing/plot.js';
import { writeWhole } from '../files/write.js';

interface Series {
  readonly name: string;
  /** (step, value) */
  readonly points: readonly (readonly [number, number])[];
}

const WIDTH = 720;
const PANEL = 200;
const MARGIN = { left: 56, right: 150, top: 22, bottom: 24 };
const TICKS = 5;
const COLOURS = ['#2266bb', '#cc5522', '#2a8a4a', '#884499', '#777777'];

/** Draws curve.csv (see loop.ts) beside it as an SVG file. */
export async function drawCurve(csv: string, svg: string): Promise<void> {
  await writeWhole(svg, curveSvg(await readFile(csv, 'utf8')));
}

/** One panel for the losses, and one for each kind of figure: overlaps, and negative log-likelihoods. */
export function curveSvg(csv: string): string {
  const [header = [], ...rows] = csv
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split(','));
  const loss = (name: string): Series => {
    const at = header.indexOf(`${name}_loss`);
    return { name, points: rows.filter((row) => row[at] !== '').map((row) => [Number(row[0]), Number(row[at])]) };
  };
  const figures = new Map<string, [number, number][]>();
  for (const row of rows) {
    for (const part of (row[header.length - 1] ?? '').split(' ').filter((one) => one !== '')) {
      const [name, value] = part.split('=') as [string, string];
      const points = figures.get(name) ?? [];
      points.push([Number(row[0]), Number(value)]);
      figures.set(name, points);
    }
  }
  const chosen = (ending: RegExp): Series[] =>
    [...figures].filter(([name]) => ending.test(name)).map(([name, points]) => ({ name, points }));
  const panels: [string, Series[]][] = [
    ['training losses', [loss('energy'), loss('proposal'), loss('absent')]],
    ['IoU of held-out pairs', chosen(/(^|_)(iou|start)$/)],
    ['negative log-likelihood of held-out pairs', chosen(/nll$/)],
  ];
  const shown = panels.filter(([, series]) => series.some(({ points }) => points.length > 0));
  const steps = Math.max(1, ...rows.map((row) => Number(row[0])));
  const body = shown.map(([title, series], i) => panelSvg(title, series, steps, i * PANEL));
  const size = `width="${WIDTH}" height="${shown.length * PANEL}"`;
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} font-family="sans-serif" font-size="11">\n<rect ${size} fill="#fff"/>\n${body.join('')}</svg>\n`;
}

function panelSvg(title: string, series: readonly Series[], steps: number, top: number): string {
  const values = series.flatMap(({ points }) => points.map(([, value]) => value)).filter(Number.isFinite);
  const low = Math.min(...values);
  const high = Math.max(low + 1e-6, ...values);
  const right = WIDTH - MARGIN.right;
  const field = { left: MARGIN.left, right, top: top + MARGIN.top, bottom: top + PANEL - MARGIN.bottom };
  const plot = createPlot(field, [0, steps], [low, high]);
  const lines = series.map(({ name, points }, i) => {
    const colour = COLOURS[i % COLOURS.length]!;
    return (
      `${plot.line(points, `stroke="${colour}" stroke-width="1.5"`)}\n` +
      `<text x="${right + 8}" y="${field.top + 14 * (i + 1)}" fill="${colour}">${name} ${points.at(-1)?.[1].toFixed(3) ?? ''}</text>\n`
    );
  });
  return (
    `<text x="${field.left}" y="${top + 14}" font-weight="bold">${title}, by step</text>\n` +
    `${plot.rows(
      ticksOf([low, high], TICKS, (value) => value.toFixed(2)),
      'stroke="#ddd"',
    )}\n` +
    `${plot.columns(ticksOf([0, steps], TICKS, (step) => `${Math.round(step)}`))}\n${lines.join('')}`
  );
}

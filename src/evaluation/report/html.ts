/** The report as one page that needs nothing else: tables, plots as SVG, light and dark. */
import { createPlot, ticksOf, type Plot } from '../../drawing/plot.js';
import type { Curve, CurveKind } from '../types.js';
import { TRACKER_COLOUR, TRUTH_COLOUR, type FilmFrame, type Films, type FilmStrip } from './film.js';
import { COLOURS, escape, legendEntry, stroke } from './markup.js';
import { MIN_SPOKES, renderRadar } from './radar.js';
import {
  CURVE_TITLES,
  metricKeys,
  percent,
  reliabilityFigures,
  type Reliability,
  type Report,
  type TrackerReport,
} from './report.js';

/** @param films strips of failures, where frames could be read */
export function renderHtml(report: Report, films?: Films): string {
  const { title, protocol, trackers } = report;
  const kinds = (['success', 'precision', 'normPrecision'] as const).filter((kind) =>
    trackers.some(({ curves }) => curves[kind]),
  );
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escape(title)}</title>
<style>${STYLE}</style>
<main>
<h1>${escape(title)}</h1>
<p>Protocol <b>${escape(protocol.name)}</b>: ${escape(protocol.title)}. Percent, ${report.sequences.length} sequences.</p>
${scores(report)}
<div class="plots">
${kinds.map((kind) => curvePlot(report, kind)).join('\n')}
${trackers.map(({ name, reliability }) => (reliability ? reliabilityPlot(name, reliability) : '')).join('\n')}
</div>
${attributes(report)}
${films ? filmStrips(films) : ''}
${sequences(report)}
<h2>Rules</h2>
<ol>${protocol.rules.map((rule) => `<li>${escape(rule)}</li>`).join('')}</ol>
<h2>Runs</h2>
${trackers.map(({ name, run }) => (run ? `<details><summary>${escape(name)}</summary><pre>${escape(JSON.stringify(run, undefined, 1))}</pre></details>` : '')).join('\n')}
</main>
<script>${SORT}</script>
</html>
`;
}

/** Lines are darker than dots need on light ground, lighter on dark ground. */
const DARK_COLOURS = ['#56b4e9', '#ff8c42', '#2fc79b', '#e39cc6', '#f0b429', '#9ad1f5'];

const colourRules = (colours: readonly string[]): string =>
  colours.map((colour, i) => `.c${i}{stroke:${colour};--own:${colour}}`).join('');

const rgb = (colour: readonly number[]): string => `rgb(${colour.join(',')})`;

const STYLE = `
:root{color-scheme:light dark;--line:color-mix(in srgb,currentColor 20%,transparent);--dot:${COLOURS[0]};--ground:#fff}
body{font:15px/1.45 system-ui,sans-serif;margin:0;background:var(--ground)}
main{max-width:72rem;margin:auto;padding:1rem}
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}
table{border-collapse:collapse;display:block;overflow-x:auto;font-variant-numeric:tabular-nums}
th,td{padding:.25rem .7rem;border-bottom:1px solid var(--line);text-align:right;white-space:nowrap}
th:first-child,td:first-child{text-align:left}
th button{font:inherit;color:inherit;background:none;border:0;padding:0;cursor:pointer}
th[aria-sort=ascending] button::after{content:" \\25b2"}th[aria-sort=descending] button::after{content:" \\25bc"}
.plots{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,20rem),1fr));gap:1rem;margin-top:1rem}
figure{margin:0}figcaption{font-size:.9rem}
svg{width:100%;height:auto}svg text{font-size:11px;fill:currentColor}svg .faint{opacity:.65}
.key{display:block}.key svg{width:30px;height:8px}
.beside{display:flex;flex-wrap:wrap;gap:1rem 2rem;align-items:flex-start}.beside>table{max-width:100%}
.beside figure{flex:1 1 22rem;max-width:34rem}.radar text{font-size:13px}
.bar{display:inline-block;width:4rem;height:.6rem;text-align:left;vertical-align:middle}
.bar i{display:block;height:100%;background:var(--dot)}
.film{margin:0 0 1.2rem}
.film ol{display:grid;grid-template-columns:repeat(auto-fill,minmax(7.8rem,1fr));gap:.35rem;list-style:none;margin:.2rem 0;padding:0}
.film li{font-size:.8rem;font-variant-numeric:tabular-nums}.film img{display:block;width:100%;height:auto}
.swatch{display:inline-block;width:1.4rem;height:0;border-top:3px solid;vertical-align:middle;background:#000;outline:2px solid #000}
pre{overflow-x:auto}
${colourRules(COLOURS)}
@media (prefers-color-scheme:dark){:root{--dot:${DARK_COLOURS[0]};--ground:#15181c;color:#e6e6e6}${colourRules(DARK_COLOURS)}}`;

/** Sorts a table by the head that is clicked; numbers first as their column reads best, again to turn it round. */
const SORT = `
for (const table of document.querySelectorAll('table.sortable')) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => head.addEventListener('click', () => {
    const up = head.getAttribute('aria-sort') !== 'ascending';
    const key = (row) => row.cells[column].dataset.value;
    const rows = [...table.tBodies[0].rows].sort((a, b) =>
      (up ? 1 : -1) * (column === 0 ? key(a).localeCompare(key(b), 'en', { numeric: true }) : key(a) - key(b)));
    table.tBodies[0].append(...rows);
    heads.forEach((one) => one.removeAttribute('aria-sort'));
    head.setAttribute('aria-sort', up ? 'ascending' : 'descending');
  }));
}
`;

function htmlTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const row = (cells: readonly string[], tag: string): string =>
    `<tr>${cells.map((cell) => `<${tag}>${cell}</${tag}>`).join('')}</tr>`;
  return `<table><thead>${row(head, 'th')}</thead><tbody>${rows.map((cells) => row(cells, 'td')).join('\n')}</tbody></table>`;
}

/** Trackers by metrics; the best of each column bold where there are several. */
function scores(report: Report): string {
  const { trackers, speed } = report;
  const keys = metricKeys(report);
  const best = (key: string): number => Math.max(...trackers.map(({ metrics }) => metrics[key] ?? -Infinity));
  const rows = trackers.map(({ name, metrics }) => [
    escape(name),
    ...keys.map((key) => {
      const text = percent(metrics[key]);
      return trackers.length > 1 && metrics[key] === best(key) ? `<b>${text}</b>` : text;
    }),
    speed[name]?.toFixed(1) ?? '-',
  ]);
  return htmlTable(['tracker', ...keys.map(escape), 'frames a second'], rows);
}

const SIZE = { width: 320, height: 230 };
const FIELD = { left: 38, right: 304, top: 8, bottom: 202 };
const TICKS = 5;

/** A plot with shares in percent upwards, and values from 0 to `end` across. */
const plotTo = (end: number): Plot => createPlot(FIELD, [0, end], [0, 1]);

/** Axes, and what stands in them. */
function figure(caption: string, end: number, content: string, legend: string): string {
  const plot = plotTo(end);
  const percents = ticksOf([0, 1], TICKS, (share) => `${100 * share}`);
  const values = ticksOf([0, end], TICKS, (value) => `${Number(value.toFixed(3))}`);
  const { left, top, bottom } = FIELD;
  return `<figure><svg viewBox="0 0 ${SIZE.width} ${SIZE.height}" role="img"><title>${escape(caption)}</title>
<line x1="${left}" x2="${left}" y1="${top}" y2="${bottom}" stroke="currentColor"/>
${plot.rows(percents, 'stroke="currentColor" stroke-opacity=".15"')}
${plot.columns(values)}
${content}</svg><figcaption>${escape(caption)}${legend}</figcaption></figure>`;
}

/** Metrics that the legend shows for each tracker: the first one that it has. */
const CURVE_METRICS: Readonly<Record<CurveKind, readonly string[]>> = {
  success: ['auc', 'ao'],
  precision: ['precision20', 'precision'],
  normPrecision: ['normPrecision'],
};

function curvePlot({ trackers }: Report, kind: CurveKind): string {
  const shown = trackers.flatMap(({ name, curves, metrics }, i) =>
    curves[kind] ? [{ name, metrics, curve: curves[kind], i }] : [],
  );
  const end = Math.max(...shown[0]!.curve.thresholds);
  const pointsOf = ({ thresholds, values }: Curve): [number, number][] => thresholds.map((at, k) => [at, values[k]!]);
  const content = shown.map(({ curve, i }) => plotTo(end).line(pointsOf(curve), stroke(i))).join('\n');
  const legend = shown.map(({ name, metrics, i }) => {
    const key = CURVE_METRICS[kind].find((one) => one in metrics);
    return legendEntry(i, `${name} ${key === undefined ? '' : percent(metrics[key])}`);
  });
  return figure(CURVE_TITLES[kind], end, content, legend.join(''));
}

function reliabilityPlot(name: string, reliability: Reliability): string {
  const bins = reliability.bins.filter(({ frames }) => frames > 0);
  const total = bins.reduce((sum, bin) => sum + bin.frames, 0);
  const { x, y } = plotTo(1);
  const diagonal = `<line x1="${x(0)}" y1="${y(0)}" x2="${x(1)}" y2="${y(1)}" stroke="currentColor" stroke-opacity=".4"/>`;
  const dots = bins.map((bin) => {
    const radius = (2 + 7 * Math.sqrt(bin.frames / total)).toFixed(1);
    return `<circle cx="${x(bin.confidence)}" cy="${y(bin.right)}" r="${radius}" fill="var(--dot)" fill-opacity=".6"><title>${bin.frames} frames</title></circle>`;
  });
  const caption = `Confidence of ${name}: share of frames with overlap above 0.5, by confidence`;
  return figure(caption, 1, diagonal + dots.join(''), `<br><b>${reliabilityFigures(reliability)}</b>`);
}

function attributes({ trackers, headline }: Report): string {
  const names = [...new Set(trackers.flatMap((tracker) => Object.keys(tracker.attributes)))];
  if (names.length === 0) return '';
  const rows = names.map((name) => [escape(name), ...trackers.map((tracker) => percent(tracker.attributes[name]))]);
  const table = htmlTable(['attribute', ...trackers.map(({ name }) => escape(name))], rows);
  return `<h2>${escape(headline)} by attribute</h2><div class="beside">${table}${radarFigure(names, trackers, headline)}</div>`;
}

/** More names than these run into each other. */
const MAX_SPOKES = 20;

/** The first tracker's lowest attributes where there are too many. */
function radarFigure(names: readonly string[], trackers: readonly TrackerReport[], headline: string): string {
  if (names.length < MIN_SPOKES) return '';
  const first = trackers[0]!.attributes;
  const lowest = new Set(names.toSorted((a, b) => (first[a] ?? 1) - (first[b] ?? 1)).slice(0, MAX_SPOKES));
  const shown = names.filter((name) => lowest.has(name));
  const series = trackers.map((tracker) => ({
    name: tracker.name,
    values: shown.map((name) => tracker.attributes[name]),
  }));
  const which = shown.length < names.length ? `, the ${shown.length} lowest of ${names.length}` : '';
  const caption = `${headline} by attribute${which}`;
  const legend = trackers.map(({ name }, i) => legendEntry(i, name)).join('');
  return `<figure>${renderRadar(caption, shown, series)}<figcaption>${escape(caption)}${legend}</figcaption></figure>`;
}

function filmStrips({ tracker, strips }: Films): string {
  if (strips.length === 0) return '';
  const swatch = (colour: readonly number[], style: string): string =>
    `<span class="swatch" style="border-top:3px ${style} ${rgb(colour)}"></span>`;
  return `<h2>Where ${escape(tracker)} fails</h2>
<p>Its worst sequences: ${swatch(TRUTH_COLOUR, 'dashed')} the truth, ${swatch(TRACKER_COLOUR, 'solid')} the tracker; a part of the frame, the same all along a strip. Under each picture its frame and the overlap.</p>
${strips.map(filmStrip).join('\n')}`;
}

function filmStrip({ sequence, failure, frames, width, height }: FilmStrip): string {
  const picture = ({ frame, overlap, jpeg }: FilmFrame): string => {
    const text = `${frame}: ${overlap === undefined ? 'no truth' : overlap.toFixed(2)}`;
    const data = Buffer.from(jpeg).toString('base64');
    return `<li><img src="data:image/jpeg;base64,${data}" width="${width}" height="${height}" alt="frame ${frame}">${text}</li>`;
  };
  return `<figure class="film"><figcaption><b>${escape(sequence)}</b>, from frame ${failure} on</figcaption><ol>${frames.map(picture).join('')}</ol></figure>`;
}

/** A table that is read as it stands, worst first, and sorted anew by its heads where scripts run. */
function sequences({ trackers, sequences: rows, headline }: Report): string {
  const heads = ['sequence', 'frames', ...trackers.map(({ name }) => name)].map(
    (name, i) => `<th${i === 2 ? ' aria-sort="ascending"' : ''}><button type="button">${escape(name)}</button></th>`,
  );
  const value = (share: number | undefined): string =>
    share === undefined
      ? '<td data-value="-1">-</td>'
      : `<td data-value="${share}">${percent(share)} <span class="bar"><i style="width:${(100 * share).toFixed(1)}%"></i></span></td>`;
  const line = ({ name, frames, values }: Report['sequences'][number]): string =>
    `<tr><td data-value="${escape(name)}">${escape(name)}</td><td data-value="${frames}">${frames}</td>${values.map(value).join('')}</tr>`;
  return `<h2>${escape(headline)} by sequence, worst first</h2>
<table class="sortable"><thead><tr>${heads.join('')}</tr></thead><tbody>${rows.map(line).join('\n')}</tbody></table>`;
}

/** The report as one page that needs nothing else: tables, plots as SVG, light and dark. */
import type { Curve, CurveKind } from '../types.js';
import { CURVE_TITLES, metricKeys, percent, type Reliability, type Report } from './report.js';

const escape = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

/** Told apart by colour and by dashes (Okabe and Ito's colours, safe for colour-blind eyes). */
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9'];
const DASHES = ['', '6 3', '2 3', '8 3 2 3', '12 4', '1 4'];

export function renderHtml(report: Report): string {
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
${sequences(report)}
<h2>Rules</h2>
<ol>${protocol.rules.map((rule) => `<li>${escape(rule)}</li>`).join('')}</ol>
<h2>Runs</h2>
${trackers.map(({ name, run }) => (run ? `<details><summary>${escape(name)}</summary><pre>${escape(JSON.stringify(run, undefined, 1))}</pre></details>` : '')).join('\n')}
</main>
</html>
`;
}

const STYLE = `
:root{color-scheme:light dark;--line:color-mix(in srgb,currentColor 20%,transparent)}
body{font:15px/1.45 system-ui,sans-serif;margin:0}
main{max-width:72rem;margin:auto;padding:1rem}
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}
table{border-collapse:collapse;display:block;overflow-x:auto;font-variant-numeric:tabular-nums}
th,td{padding:.25rem .7rem;border-bottom:1px solid var(--line);text-align:right;white-space:nowrap}
th:first-child,td:first-child{text-align:left}
.plots{display:flex;flex-wrap:wrap;gap:1rem;margin-top:1rem}
figure{margin:0;flex:1 1 20rem;max-width:26rem}figcaption{font-size:.9rem}
svg{width:100%;height:auto}svg text{font-size:11px;fill:currentColor}
.bar{display:inline-block;height:.6rem;background:#0072b2;vertical-align:middle}
pre{overflow-x:auto}`;

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

const PLOT = { width: 320, height: 230, left: 38, right: 16, top: 8, bottom: 28 };

/** Axes from 0 to `end` across and 0 to 1 upwards, and what stands in them. */
function plot(caption: string, end: number, content: string, legend: string): string {
  const { width, height, left, right, top, bottom } = PLOT;
  const marks = [0, 0.25, 0.5, 0.75, 1];
  const lines = marks.map((mark) => {
    const y = up(mark);
    const x = across(mark * end, end);
    return (
      `<line x1="${left}" x2="${width - right}" y1="${y}" y2="${y}" stroke="currentColor" stroke-opacity=".15"/>` +
      `<text x="${left - 5}" y="${y + 4}" text-anchor="end">${100 * mark}</text>` +
      `<text x="${x}" y="${height - bottom + 16}" text-anchor="middle">${Number((mark * end).toFixed(3))}</text>`
    );
  });
  return `<figure><svg viewBox="0 0 ${width} ${height}" role="img"><title>${escape(caption)}</title>
<line x1="${left}" x2="${left}" y1="${top}" y2="${height - bottom}" stroke="currentColor"/>
${lines.join('\n')}
${content}</svg><figcaption>${escape(caption)}${legend}</figcaption></figure>`;
}

function across(value: number, end: number): number {
  return Number((PLOT.left + (value / end) * (PLOT.width - PLOT.left - PLOT.right)).toFixed(1));
}

function up(share: number): number {
  return Number((PLOT.height - PLOT.bottom - share * (PLOT.height - PLOT.top - PLOT.bottom)).toFixed(1));
}

/** What the legend says of each tracker: the metric that the curve is read by. */
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
  const content = shown.map(({ curve, i }) => polyline(curve, end, i)).join('\n');
  const legend = shown.map(({ name, metrics, i }) => {
    const key = CURVE_METRICS[kind].find((one) => one in metrics);
    return `<br><svg viewBox="0 0 30 8" style="width:30px;height:8px"><line x1="0" x2="30" y1="4" y2="4" ${stroke(i)}/></svg> ${escape(name)} ${key === undefined ? '' : percent(metrics[key])}`;
  });
  return plot(CURVE_TITLES[kind], end, content, legend.join(''));
}

function stroke(i: number): string {
  return `stroke="${COLOURS[i % COLOURS.length]}" stroke-width="2" stroke-dasharray="${DASHES[i % DASHES.length]}"`;
}

function polyline({ thresholds, values }: Curve, end: number, i: number): string {
  const points = thresholds.map((threshold, k) => `${across(threshold, end)},${up(values[k]!)}`).join(' ');
  return `<polyline fill="none" ${stroke(i)} points="${points}"/>`;
}

function reliabilityPlot(name: string, { bins, expectedError }: Reliability): string {
  const total = bins.reduce((sum, bin) => sum + bin.frames, 0);
  const diagonal = `<line x1="${across(0, 1)}" y1="${up(0)}" x2="${across(1, 1)}" y2="${up(1)}" stroke="currentColor" stroke-opacity=".4"/>`;
  const dots = bins
    .filter(({ frames }) => frames > 0)
    .map((bin) => {
      const radius = (2 + 10 * Math.sqrt(bin.frames / total)).toFixed(1);
      return `<circle cx="${across(bin.confidence, 1)}" cy="${up(bin.right)}" r="${radius}" fill="${COLOURS[0]}" fill-opacity=".6"><title>${bin.frames} frames</title></circle>`;
    });
  const caption = `Confidence of ${name}: share of frames with overlap above 0.5, by confidence; expected calibration error ${expectedError.toFixed(3)}`;
  return plot(caption, 1, diagonal + dots.join(''), '');
}

function attributes({ trackers, headline }: Report): string {
  const names = [...new Set(trackers.flatMap((tracker) => Object.keys(tracker.attributes)))];
  if (names.length === 0) return '';
  const rows = names.map((name) => [escape(name), ...trackers.map((tracker) => percent(tracker.attributes[name]))]);
  return `<h2>${escape(headline)} by attribute</h2>${htmlTable(['attribute', ...trackers.map(({ name }) => escape(name))], rows)}`;
}

function sequences({ trackers, sequences: rows, headline }: Report): string {
  const bar = (value: number | undefined): string =>
    value === undefined
      ? '-'
      : `${percent(value)} <span class="bar" style="width:${(4 * value).toFixed(2)}rem"></span>`;
  const cells = rows.map(({ name, frames, values }) => [escape(name), String(frames), ...values.map(bar)]);
  return `<h2>${escape(headline)} by sequence, worst first</h2>${htmlTable(['sequence', 'frames', ...trackers.map(({ name }) => escape(name))], cells)}`;
}

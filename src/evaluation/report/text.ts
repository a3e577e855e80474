/** The report as Markdown, JSON and CSV. */
import { metricKeys, percent, reliabilityFigures, type Report } from './report.js';

export function renderMarkdown(report: Report): string {
  const { title, protocol, trackers, sequences, speed, headline } = report;
  const keys = metricKeys(report);
  const names = trackers.map(({ name }) => name);
  const attributes = [...new Set(trackers.flatMap((tracker) => Object.keys(tracker.attributes)))];
  const parts = [
    `# ${title}\n\nProtocol \`${protocol.name}\`: ${protocol.title}. Percent; ${sequences.length} sequences.`,
    table(
      ['tracker', ...keys, 'frames a second'],
      trackers.map(({ name, metrics }) => [
        name,
        ...keys.map((key) => percent(metrics[key])),
        speed[name]?.toFixed(1) ?? '-',
      ]),
    ),
    attributes.length === 0
      ? ''
      : `## ${headline} by attribute\n\n${table(
          ['attribute', ...names],
          attributes.map((attribute) => [
            attribute,
            ...trackers.map((tracker) => percent(tracker.attributes[attribute])),
          ]),
        )}`,
    ...trackers.map(({ name, reliability }) =>
      reliability
        ? `## Confidence of ${name}\n\n${reliabilityFigures(reliability)}.\n\n${table(
            ['confidence', 'overlap > 0.5', 'frames'],
            reliability.bins
              .filter(({ frames }) => frames > 0)
              .map((bin) => [bin.confidence.toFixed(3), bin.right.toFixed(3), String(bin.frames)]),
          )}`
        : '',
    ),
    `## ${headline} by sequence, worst first\n\n${table(
      ['sequence', 'frames', ...names],
      sequences.map(({ name, frames, values }) => [name, String(frames), ...values.map(percent)]),
    )}`,
  ];
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', String.raw`\|`)).join(' | ')} |`;
  return [line(head), line(head.map((_, i) => (i === 0 ? '---' : '---:'))), ...rows.map(line)].join('\n');
}

/** Fractions of 1, unrounded. */
export function renderJson(report: Report): string {
  return `${JSON.stringify(report, undefined, 1)}\n`;
}

/** One row a sequence: percent of each tracker. */
export function renderCsv({ trackers, sequences }: Report): string {
  const quote = (text: string): string => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const rows = sequences.map(({ name, frames, values }) => [
    quote(name),
    frames,
    ...values.map((value) => (value === undefined ? '' : percent(value))),
  ]);
  return `${[['sequence', 'frames', ...trackers.map(({ name }) => quote(name))], ...rows].map((row) => row.join(',')).join('\n')}\n`;
}

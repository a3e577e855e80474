/** Gathers the finished rows of a work folder: Markdown table, JSON, sheets of pictures. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { partsOf, trueHeat, type Heat, type Part } from './divergence.js';
import { renderSheet } from './picture.js';
import { DATA_SETS, FULL, QUICK, ROWS, type DataSetId, type Row, type RunSettings } from './settings.js';

/** What one group of nets leaves behind. */
export interface GroupResult {
  readonly row: string;
  readonly set: DataSetId;
  readonly group: number;
  /** Of the settings: results of other settings are not mixed. */
  readonly hash: string;
  readonly settings: RunSettings;
  readonly backend: string;
  readonly node: string;
  readonly seconds: number;
  /** KL in nats of each net. */
  readonly divergences: Partial<Record<Part, readonly number[]>>;
  /** The net of median KL: neither the best nor the worst. */
  readonly heat: Partial<Record<Part, Heat>>;
}

interface Figures {
  readonly divergences: readonly number[];
  readonly mean: number;
  readonly deviation: number;
  readonly bestFive: number;
}

interface ReportRow {
  readonly row: Row;
  readonly set: DataSetId;
  readonly seconds: number;
  readonly parts: Partial<Record<Part, Figures>>;
}

const BEST = 5;

export function resultFile(work: string, set: DataSetId, row: string, group: number): string {
  return path.join(work, `set${set}-${row}-${group}.json`);
}

/**
 * Writes result.md, result.json and the sheets. Rows of a table that is there already and were made with the same settings stay in it; a sheet
 * is drawn anew where all its rows are in the work folder, which alone has their pictures.
 * @returns the Markdown
 * @throws Error where there is nothing yet, or results of several settings
 */
export function report(work: string, out: string): string {
  const results = readdirSync(work)
    .filter((name) => name.endsWith('.json'))
    .map((name) => JSON.parse(readFileSync(path.join(work, name), 'utf8')) as GroupResult);
  if (results.length === 0) throw new Error(`${work} holds no result yet`);
  const kinds = new Set(results.map(({ settings, backend }) => JSON.stringify([settings, backend])));
  if (kinds.size > 1) throw new Error(`${work} holds results of ${kinds.size} settings: they are not of one table`);
  const command = commandOf(results[0]!.settings);
  mkdirSync(out, { recursive: true });
  const before = earlierRows(path.join(out, 'result.json'), results[0]!);
  const rows = DATA_SETS.flatMap((set) =>
    ROWS.flatMap((row) => {
      const own = reportRow(row, set, results);
      return own.length > 0 ? own : before.filter((earlier) => earlier.row === row && earlier.set === set);
    }),
  );
  const text = markdown(rows, results, command);
  writeFileSync(path.join(out, 'result.md'), text);
  writeFileSync(path.join(out, 'result.json'), `${JSON.stringify(record(rows, results, command), undefined, 1)}\n`);
  for (const set of DATA_SETS) writeSheets(out, set, rows, results);
  return text;
}

/** Rows of an earlier table of the same settings. */
function earlierRows(file: string, { settings, backend }: GroupResult): ReportRow[] {
  if (!existsSync(file)) return [];
  const earlier = JSON.parse(readFileSync(file, 'utf8')) as ReturnType<typeof record>;
  const same = JSON.stringify([earlier.settings, earlier.versions.backend]) === JSON.stringify([settings, backend]);
  if (!same) return [];
  return earlier.rows.flatMap(({ name, set, seconds, ...parts }) => {
    const row = ROWS.find((known) => known.name === name);
    return row ? [{ row, set, seconds, parts }] : [];
  });
}

function reportRow(row: Row, set: DataSetId, results: readonly GroupResult[]): ReportRow[] {
  const own = results.filter((result) => result.row === row.name && result.set === set);
  if (own.length === 0) return [];
  const parts = Object.fromEntries(
    partsOf(row).map((part) => [part, figures(own.flatMap(({ divergences }) => divergences[part] ?? []))]),
  );
  return [{ row, set, seconds: own.reduce((sum, { seconds }) => sum + seconds, 0), parts }];
}

function figures(divergences: readonly number[]): Figures {
  const mean = average(divergences);
  return {
    divergences,
    mean,
    deviation: Math.sqrt(average(divergences.map((value) => (value - mean) ** 2))),
    bestFive: average(divergences.toSorted((a, b) => a - b).slice(0, BEST)),
  };
}

function average(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / values.length;
}

function markdown(rows: readonly ReportRow[], results: readonly GroupResult[], command: string): string {
  const tables = DATA_SETS.map((set) => {
    const own = rows.filter((row) => row.set === set);
    return [
      `Data set ${set}:`,
      '',
      '| method | net | energy: mean of all | deviation | best five | proposal: mean of all | deviation | best five | minutes |',
      '| --- | --- | --- | --- | --- | --- | --- | --- | --- |',
      ...own.map(
        ({ row, parts, seconds }) =>
          `| ${[row.label, row.network, ...cells(parts.energy), ...cells(parts.proposal), (seconds / 60).toFixed(1)].join(' | ')} |`,
      ),
      '',
    ].join('\n');
  });
  return [`${describeRun(results)} Command: \`${command}\`.`, '', ...tables].join('\n');
}

function cells(part: Figures | undefined): string[] {
  if (!part) return ['-', '-', '-'];
  return [part.mean, part.deviation, part.bestFive].map((value) => value.toFixed(4));
}

function describeRun(results: readonly GroupResult[]): string {
  const { settings, backend } = results[0]!;
  const { seeds, epochs, batch, samples, chains, learningRate, pairs, grid, seed } = settings;
  return (
    `KL(truth, model) in nats on a grid of ${grid} x ${grid}. ${seeds} nets a row, ${epochs} epochs of ${pairs} pairs in batches of ${batch}, ` +
    `M = ${samples} samples (${chains} Langevin chains), Adam ${learningRate}, seed ${seed}; ${backend}.`
  );
}

function record(rows: readonly ReportRow[], results: readonly GroupResult[], command: string) {
  const { settings, backend, node } = results[0]!;
  return {
    command,
    settings,
    versions: { node, backend },
    rows: rows.map(({ row, set, seconds, parts }) => ({ set, ...row, seconds: Math.round(seconds), ...parts })),
  };
}

/** Methods that share a sheet. */
const SHEETS: Readonly<Record<string, (row: Row) => boolean>> = {
  fixed: ({ method }) => !('components' in method),
  learned: ({ method }) => 'components' in method,
};

function writeSheets(out: string, set: DataSetId, rows: readonly ReportRow[], results: readonly GroupResult[]): void {
  const truth = trueHeat(set);
  for (const [name, belongs] of Object.entries(SHEETS)) {
    const own = rows.filter(({ row, set: of }) => of === set && belongs(row));
    const found = own.map(({ row }) => results.find((r) => r.row === row.name && r.set === set && r.group === 0));
    if (!found.every((result) => result !== undefined)) continue;
    const panels = own.flatMap(({ row, parts }, index) =>
      partsOf(row).flatMap((part) => {
        const heat = found[index]!.heat[part];
        const which = row.method.objective === 'mdn' || part === 'energy' ? '' : ' (proposal)';
        return heat ? [{ title: `${row.label}${which}: ${parts[part]!.mean.toFixed(3)}`, heat }] : [];
      }),
    );
    const heading = `p(y | x), data set ${set}: the net of median KL, and the mean KL of all`;
    if (panels.length > 0) writeFileSync(path.join(out, `set${set}-${name}.svg`), renderSheet(heading, truth, panels));
  }
}

/** What makes the same figures again. */
function commandOf(settings: RunSettings): string {
  const quick = settings.learningRate === QUICK.learningRate;
  const base = quick ? QUICK : FULL;
  const given = (['seeds', 'samples', 'epochs', 'seed'] as const).flatMap((name) =>
    settings[name] === base[name] ? [] : [`--${name} ${settings[name]}`],
  );
  const flags = [...(quick ? ['--quick'] : []), ...given];
  return ['npm run bench -- regression', ...flags].join(' ');
}

/** The result of a finished group, if it is there. @throws Error for one of other settings */
export function readResult(file: string, hash: string): GroupResult | undefined {
  if (!existsSync(file)) return undefined;
  const result = JSON.parse(readFileSync(file, 'utf8')) as GroupResult;
  if (result.hash === hash) return result;
  throw new Error(`${file} is of other settings: give another --work`);
}

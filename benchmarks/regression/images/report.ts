/** Gathers finished nets into one table: Markdown and JSON. */
import type { Figures, RowFigures } from './evaluate.js';
import { ROWS, type RunSettings } from './settings.js';

/** What one net leaves behind. */
export interface NetResult {
  readonly row: string;
  readonly seed: number;
  /** Of the settings: results of others are not mixed. */
  readonly hash: string;
  readonly seconds: number;
  readonly figures: RowFigures;
}

export interface Report {
  readonly command: string;
  readonly task: string;
  readonly unit: string;
  /** How many there were: a folder has its own numbers. */
  readonly images: Readonly<Record<'train' | 'validation' | 'test', number>>;
  readonly settings: RunSettings;
  readonly versions: Readonly<Record<string, string>>;
  readonly results: readonly NetResult[];
}

const PARTS = ['regression', 'energy', 'proposal'] as const;
/** What a part of a row is called in the table. */
const PART_LABELS: Readonly<Record<string, string>> = {
  'nce/energy': 'EBM, NCE, hand-made proposal',
  'joint/energy': 'EBM, NCE, learned proposal (joint)',
  'joint/proposal': 'its proposal alone',
  'teacher/proposal': 'MDN, K = 4, with an EBM teacher',
  'teacher/energy': 'its teacher',
};
const COLUMNS = ['nll', 'mae', 'maeArgmax', 'nllSampled', 'maeSampled', 'effectiveSamples'] as const;
const HEADS = ['NLL', 'MAE of the mean', 'MAE of the argmax', 'NLL, sampled', 'MAE of the sampled mean', 'ESS of M'];

export function markdown({ command, task, unit, images, settings, results }: Report): string {
  const lines = [
    `\`${command}\`: ${task}, ${images.train} training and ${images.test} test images, ${settings.steps} steps of ${settings.batch}, ` +
      `M = ${settings.samples}; NLL in nats, MAE in ${unit}; mean ± deviation over seeds.`,
    '',
    `| method | nets | ${HEADS.join(' | ')} |`,
    `| --- | --- | ${HEADS.map(() => '---').join(' | ')} |`,
  ];
  for (const { name, label } of ROWS) {
    const own = results.filter(({ row }) => row === name);
    for (const part of PARTS) {
      const figures = own.flatMap((result) => result.figures[part] ?? []);
      if (figures.length === 0) continue;
      const cells = COLUMNS.map((column) => cell(figures, column));
      lines.push(`| ${PART_LABELS[`${name}/${part}`] ?? label} | ${figures.length} | ${cells.join(' | ')} |`);
    }
  }
  return `${lines.join('\n')}\n`;
}

function cell(figures: readonly Figures[], column: keyof Figures): string {
  const values = figures.flatMap((own) => own[column] ?? []);
  if (values.length === 0) return '-';
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const digits = column === 'effectiveSamples' ? 0 : column.startsWith('nll') ? 3 : 2;
  if (values.length === 1) return mean.toFixed(digits);
  const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1));
  return `${mean.toFixed(digits)} ± ${deviation.toFixed(digits)}`;
}

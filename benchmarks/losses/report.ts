/** The losses as a page. */
import type { Origin } from '../record.js';
import { markdownTable } from '../table.js';
import { BEST_AUC, CAUSES, type Cause } from './causes.js';

interface Row {
  readonly sequence: string;
  readonly auc: number;
  readonly lost: Readonly<Record<Cause, number>>;
}

export interface LossesResult extends Origin {
  readonly split: string;
  readonly seeds: readonly number[];
  readonly rows: readonly Row[];
}

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

/** Mean over rows; of one sequence's seeds, or of all sequences. */
export function meanRow(sequence: string, rows: readonly Pick<Row, 'auc' | 'lost'>[]): Row {
  const lost = CAUSES.map((cause) => [cause, mean(rows.map((row) => row.lost[cause]))] as const);
  return {
    sequence,
    auc: mean(rows.map(({ auc }) => auc)),
    lost: Object.fromEntries(lost) as Record<Cause, number>,
  };
}

export function markdownOf({ command, split, weights, configHash, seeds, rows }: LossesResult): string {
  const table = markdownTable(
    ['sequence', 'AUC', ...CAUSES],
    [...rows, meanRow('mean', rows)].map(({ sequence, auc, lost }) => [
      sequence,
      auc.toFixed(3),
      ...CAUSES.map((cause) => lost[cause].toFixed(3)),
    ]),
  );
  return `# Where the score is lost, ${split}

\`${command}\`, then \`npm run bench -- losses\`. Weights ${weights?.slice(0, 12) ?? 'of a file'}, configuration ${configHash}, tracker
seed ${seeds.join(', ')}. AUC lost to each cause; with the AUC they add up to ${BEST_AUC.toFixed(3)}, the most there is. The rules stand in [causes.ts](causes.ts).

${table}
`;
}

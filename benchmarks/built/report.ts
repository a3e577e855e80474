/** The results as a table and as a record. */
import type { Origin } from '../record.js';
import { markdownTable } from '../table.js';
import { KINDS } from './case.js';
import { scoreCases, successOf, type CaseTrace, type Scores, type Share } from './score.js';

export interface BuiltResult extends Origin {
  readonly split: string;
  readonly caseSeed: number;
  readonly seeds: readonly number[];
  readonly scores: Readonly<Record<string, Scores>>;
  readonly cases: readonly { readonly name: string; readonly seed: number; readonly auc: number }[];
}

/** Scores of each kind that was run, then of all. */
export function scoresByKind(traces: readonly CaseTrace[]): Record<string, Scores> {
  const kinds = KINDS.map((kind) => [kind, traces.filter((trace) => trace.kind === kind)] as const);
  const rows = [...kinds.filter(([, own]) => own.length > 0), ['all', traces] as const];
  return Object.fromEntries(rows.map(([kind, own]) => [kind, scoreCases(own)]));
}

export function casesOf(traces: readonly CaseTrace[]): BuiltResult['cases'] {
  return traces
    .map(({ name, seed, moments }) => ({ name, seed, auc: Number(successOf(moments).toFixed(4)) }))
    .toSorted((a, b) => a.name.localeCompare(b.name) || a.seed - b.seed);
}

const HEAD = [
  'kind',
  'cases',
  'frames',
  'AUC',
  'area under ROC',
  'calibration error',
  'lost within 10',
  'found within 30',
  'false found',
  'sure while gone',
];

export function markdownOf({ split, command, seeds, caseSeed, weights, configHash, scores }: BuiltResult): string {
  const rows = Object.entries(scores).map(([kind, own]) => [
    kind,
    String(own.cases),
    String(own.frames),
    fixed(own.auc),
    own.areaUnderRoc === undefined ? '-' : fixed(own.areaUnderRoc),
    fixed(own.calibrationError),
    percent(own.flaggedLost),
    percent(own.foundAgain),
    percent(own.falselyFound),
    percent(own.sureWhileGone),
  ]);
  return `# Built cases, ${split}

\`${command}\`

Cases of seed ${caseSeed}, tracker seed ${seeds.join(', ')}, weights ${weights?.slice(0, 12) ?? 'of a file'}, configuration ${configHash}.

${markdownTable(HEAD, rows)}
`;
}

const fixed = (value: number): string => value.toFixed(3);

/** "90% of 30" */
function percent({ of, count }: Share): string {
  if (of === 0) return '-';
  const value = (100 * count) / of;
  return `${value > 0 && value < 10 ? value.toFixed(1) : value.toFixed(0)}% of ${of}`;
}

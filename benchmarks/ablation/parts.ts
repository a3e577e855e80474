/**
 * What each part of the tracker is worth: they are put on one after the other, from the head alone to the default; or one is left out of the
 * default at a time. Val and each fourth train sequence, one tracker seed. A sequence that is lost by chance moves the mean of 28 by up to .03,
 * that of 14 by .05: the median of a sequence's difference says what is no chance.
 *
 *   npm run bench -- parts --root DIR --work DIR [--table stacked | left-out] [--out benchmarks/ablation]
 *
 * DIR holds val and train. Stopped at any moment, the same command goes on.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Command, Option } from 'commander';
import type { TrackerOptions } from '../../src/config.js';
import { sha256Of } from '../../src/hash.js';
import { originOf, type Origin } from '../record.js';
import { markdownTable } from '../table.js';
import { readRecord, runVal, type ValRecord } from './track.js';

/** Settings that take a part away; the default has all of them. */
const WITHOUT = {
  target: { posterior: { response: 0 } },
  memory: { target: { learnAbove: 1e9 } },
  rules: { target: { learnAbove: -1e9, keep: 0 } },
  colour: { posterior: { colour: 0 } },
  motion: { posterior: { place: 3 } },
  absence: { target: { holdBelow: -1e9 }, redetect: { after: 10_000 } },
} satisfies Record<string, TrackerOptions>;
const { target, memory, rules, colour, motion, absence } = WITHOUT;

type Row = readonly [part: string, without: readonly TrackerOptions[]];
const TABLES = {
  /** Each row has one part more than the one above it. */
  stacked: [
    ['head only', [target, memory, colour, motion, absence]],
    ['+ target model, of the first frame alone', [memory, colour, motion, absence]],
    ['+ memory: it learns each frame alike', [rules, colour, motion, absence]],
    ['+ rules: the first frame stays, doubtful ones are not learned', [colour, motion, absence]],
    ['+ colours', [motion, absence]],
    ['+ motion prior', [absence]],
    ['+ absence: held or coasting while unseen, looked for elsewhere', []],
  ],
  /** Each row lacks one part. The first lacks none. */
  'left-out': [
    ['nothing', []],
    ['motion prior', [motion]],
    ['colours', [colour]],
    ['rules: the first frame stays, doubtful ones are not learned', [rules]],
    ['absence: held or coasting while unseen, looked for elsewhere', [absence]],
  ],
} satisfies Record<string, readonly Row[]>;
type Table = keyof typeof TABLES;
const SPLITS = ['val', 'train'] as const;

const options = new Command()
  .requiredOption('--root <dir>', 'folder with val and train')
  .requiredOption('--work <dir>', 'folder of the runs')
  .addOption(new Option('--table <name>', 'which').choices(Object.keys(TABLES)).default('stacked'))
  .option('--out <dir>', 'folder of parts.md, stacked.json and left-out.json', import.meta.dirname)
  .parse()
  .opts<{ root: string; work: string; table: Table; out: string }>();

/** Title, head of the first column, and what the differences are from. */
const WORDS = {
  stacked: ['One after the other', 'part', 'the row above'],
  'left-out': ['One left out at a time', 'left out', 'the first row'],
} satisfies Record<Table, readonly string[]>;

/** Of each sequence's AUC from that in another row. */
interface Difference {
  readonly median: number;
  readonly up: number;
  readonly down: number;
}

interface Measured {
  readonly part: string;
  readonly config: TrackerOptions;
  readonly val: ValRecord['mean'];
  readonly train: ValRecord['mean'];
  readonly difference: Readonly<Record<(typeof SPLITS)[number], Difference>>;
}

/** Differences below are none. */
const EQUAL = 0.002;

mkdirSync(options.work, { recursive: true });
const runs = (TABLES[options.table] as readonly Row[]).map(([part, without]) => {
  const config = merged(without);
  const [val, train] = SPLITS.map((split) => runOf(split, config)) as [ValRecord, ValRecord];
  console.log(`${part}: val AUC ${val.mean.auc}, train AUC ${train.mean.auc}`);
  return { part, config, val, train };
});
report();

function differenceOf(record: ValRecord, base: ValRecord): Difference {
  const before = new Map(base.scores.map(({ sequence, auc }) => [sequence, auc]));
  const all = record.scores.map(({ sequence, auc }) => auc - before.get(sequence)!).toSorted((a, b) => a - b);
  return {
    median: all[Math.floor(all.length / 2)]!,
    up: all.filter((value) => value > EQUAL).length,
    down: all.filter((value) => value < -EQUAL).length,
  };
}

function merged(parts: readonly TrackerOptions[]): TrackerOptions {
  const under = (key: 'posterior' | 'target' | 'redetect') => ({
    [key]: Object.assign({}, ...parts.map((part) => part[key] ?? {})) as object,
  });
  return { ...under('posterior'), ...under('target'), ...under('redetect') };
}

/** Made once for each configuration: two rows are in both tables. */
function runOf(split: (typeof SPLITS)[number], config: TrackerOptions): ValRecord {
  const name = sha256Of(JSON.stringify(config)).slice(0, 12);
  const file = path.resolve(options.work, `${name}-${split}.json`);
  const every = split === 'val' ? '1' : '4';
  return existsSync(file)
    ? readRecord(file)
    : runVal(['--root', options.root, '--split', split, '--every', every], config, file);
}

/** Writes the table's record, and the page of both from their records. */
function report(): void {
  const rows = runs.map(({ part, config, val, train }, index): Measured => {
    const base = runs[options.table === 'stacked' ? Math.max(0, index - 1) : 0]!;
    const difference = { val: differenceOf(val, base.val), train: differenceOf(train, base.train) };
    return { part, config, val: val.mean, train: train.mean, difference };
  });
  const file = (table: Table): string => path.join(options.out, `${table}.json`);
  const record = { ...originOf('parts', {}), rows };
  writeFileSync(file(options.table), `${JSON.stringify(record, undefined, 1)}\n`);
  const sections = (Object.keys(TABLES) as Table[])
    .filter((table) => existsSync(file(table)))
    .map((table) =>
      section(table, JSON.parse(readFileSync(file(table), 'utf8')) as Origin & { rows: readonly Measured[] }),
    );
  writeFileSync(path.join(options.out, 'parts.md'), `# What each part is worth\n\n${sections.join('\n')}`);
}

function section(table: Table, { command, weights, rows }: Origin & { rows: readonly Measured[] }): string {
  const [title, first, from] = WORDS[table] as [string, string, string];
  const figures = ({ auc, op50, op75 }: ValRecord['mean']): string[] =>
    [auc, op50, op75].map((value) => value.toFixed(3));
  const signed = ({ median, up, down }: Difference): string =>
    `${median < 0 ? '-' : '+'}${Math.abs(median).toFixed(3)} (${up} up, ${down} down)`;
  const cells = rows.map(({ part, val, train, difference }) => [
    part,
    ...figures(val),
    signed(difference.val),
    ...figures(train),
    signed(difference.train),
  ]);
  const head = [first, 'val AUC', 'OP50', 'OP75', 'median', 'train AUC', 'OP50', 'OP75', 'median'];
  const seed = `tracker seed 11, val and each fourth train sequence; medians are of a sequence's differences from ${from}`;
  return `## ${title}\n\n\`${command}\`: weights ${weights?.slice(0, 12)}, ${seed}.\n\n${markdownTable(head, cells)}\n`;
}

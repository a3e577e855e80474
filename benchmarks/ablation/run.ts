/**
 * Objectives of the tracking head beside each other, and learned beside fixed proposals: the same crops, steps and seed for each. Every
 * head is scored on pairs (benchmarks/pairs) and as a tracker (benchmarks/val, each second sequence of val).
 *
 *   npm run bench -- ablation --data DIR --work DIR [--steps 300] [--rows nce+,dsm] [--out benchmarks/ablation]
 *
 * Stopped at any moment, the same command goes on. The temperature of each head is the best of three on the pairs of the train sequences.
 */
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Command } from 'commander';
import { createTrainingWatch } from '../../src/cli/training-progress.js';
import { findBackbone, loadManifest, openHead } from '../../src/node/open.js';
import type { ObjectiveName, ProposalObjective } from '../../src/training/objective.js';
import { withBackbone } from '../../src/training/session.js';
import { trainHead } from '../../src/training/train-head.js';
import { prepareSplits } from '../../src/training/validate.js';
import { runVal, type ValRecord } from './track.js';

interface Row {
  readonly objective: ObjectiveName;
  readonly learnedShare: number;
  readonly proposalObjective: ProposalObjective;
  readonly absentWeight: number;
}

const row = (
  objective: ObjectiveName,
  learnedShare = 0.5,
  proposalObjective: ProposalObjective = 'likelihood',
  absentWeight = 0,
): Row => ({
  objective,
  learnedShare,
  proposalObjective,
  absentWeight,
});

/** One line a head. */
const ROWS: Readonly<Record<string, Row>> = {
  'nce+': row('nce+'),
  'ml-is': row('ml-is'),
  'nce+ fixed proposal': row('nce+', 0),
  'nce+ learned proposal': row('nce+', 1),
  dsm: row('dsm'),
  'kld-is': row('kld-is'),
  nce: row('nce'),
  'nce+ joint': row('nce+', 1, 'divergence'),
  'nce+ both': row('nce+', 0.5, 'both'),
  sm: row('sm'),
  'ml-mcmc': row('ml-mcmc'),
  'nce+ absent outcome': row('nce+', 0.5, 'likelihood', 0.25),
};
const TEMPERATURES = [0.25, 0.5, 1];
const SEED = 4;
/** Crops of the bank that all rows share. */
const CROPS = { cropsPerSequence: 200, objectsPerPhoto: 4, cropsPerObject: 3 };

interface RowResult extends Row {
  readonly name: string;
  readonly steps: number;
  readonly seed: number;
  readonly weights: string;
  readonly temperature: number;
  readonly figures: Readonly<Record<string, number>>;
  readonly val: ValRecord['mean'];
}

const options = new Command()
  .requiredOption('--data <dir>', 'folder with sequences/train, sequences/val and images')
  .requiredOption('--work <dir>', 'folder of the feature bank, checkpoints and heads')
  .option('--steps <n>', 'training steps of each head', Number, 300)
  .option('--rows <list>', 'names of rows', Object.keys(ROWS).slice(0, 8).join(','))
  .option('--threads <n>', 'threads', Number, 2)
  .option('--out <dir>', 'folder of result.md and result.json', import.meta.dirname)
  .parse()
  .opts<{ data: string; work: string; steps: number; rows: string; threads: number; out: string }>();

const watch = createTrainingWatch(process.stderr, false, new AbortController().signal);

for (const name of options.rows.split(',')) {
  const file = path.join(folderOf(name), `result-${options.steps}.json`);
  if (!existsSync(file)) writeFileSync(file, JSON.stringify(await runRow(name)));
  report();
}

function folderOf(name: string): string {
  const folder = path.join(options.work, name.replaceAll(' ', '-'));
  mkdirSync(folder, { recursive: true });
  return folder;
}

async function runRow(name: string): Promise<RowResult> {
  const settings = ROWS[name];
  if (!settings) throw new Error(`row "${name}", expected some of: ${Object.keys(ROWS).join(', ')}`);
  const folder = folderOf(name);
  shareBanks(folder);
  const { data, steps, threads } = options;
  const out = path.resolve(folder, `head-${steps}.safetensors`);
  console.log(`== ${name}`);
  if (!existsSync(out))
    await trainHead(
      {
        ...CROPS,
        settings: { ...settings, steps, seed: SEED },
        data,
        threads,
        work: folder,
        out,
        backend: 'auto',
        command: commandOf(),
      },
      watch,
    );
  const manifest = await loadManifest();
  const head = await openHead(manifest, out);
  const validate = await withBackbone(await findBackbone(manifest, head.backbone), threads, (backbone) =>
    prepareSplits(path.join(data, 'sequences'), path.join(folder, 'bank'), backbone),
  );
  let best = { temperature: 0, figures: { train_iou: -1 } as Record<string, number> };
  for (const temperature of TEMPERATURES) {
    const figures = await validate(head.model, { temperature, full: true });
    console.log(
      `temperature ${temperature}: IoU val ${figures['val_iou']!.toFixed(4)} train ${figures['train_iou']!.toFixed(4)}`,
    );
    if (figures['train_iou']! > best.figures['train_iou']!) best = { temperature, figures };
  }
  const val = track(out, best.temperature, path.resolve(folder, `val-${steps}.json`));
  console.log(`val AUC ${val.auc}`);
  return { name, ...settings, steps, seed: SEED, weights: head.sha256, ...best, val };
}

/** One feature bank for all rows. */
function shareBanks(folder: string): void {
  for (const bank of ['bank', 'bank-val-pairs', 'bank-train-pairs']) {
    const shared = path.resolve(options.work, bank);
    mkdirSync(shared, { recursive: true });
    const link = path.join(folder, bank);
    if (!existsSync(link)) symlinkSync(shared, link);
  }
}

/** Each second sequence of val, one tracker seed. */
function track(head: string, temperature: number, out: string): RowResult['val'] {
  const flags = ['--root', path.join(options.data, 'sequences'), '--every', '2'];
  return runVal(flags, { head, posterior: { temperature } }, out).mean;
}

function commandOf(): string {
  return `npm run bench -- ablation --data DIR --work DIR --steps ${options.steps}`;
}

/** Writes what there is so far. */
function report(): void {
  const results = Object.keys(ROWS)
    .map((name) => path.join(folderOf(name), `result-${options.steps}.json`))
    .filter((file) => existsSync(file))
    .map((file) => JSON.parse(readFileSync(file, 'utf8')) as RowResult);
  const cells = results.map(({ name, temperature, figures, val }) => [
    name,
    temperature,
    ...['val_iou', 'train_iou', 'val_iou_ascent', 'val_iou_best_sample'].map((key) => figures[key]!.toFixed(3)),
    figures['val_nll']!.toFixed(2),
    figures['val_proposal_nll']!.toFixed(2),
    figures['val_effective_share']!.toFixed(2),
    figures['val_truth_above']!.toFixed(2),
    ...[val.auc, val.op50, val.op75].map((value) => value.toFixed(3)),
  ]);
  const header = [
    'head',
    't',
    'IoU val',
    'IoU train',
    'ascent',
    'best sample',
    'NLL',
    'NLL of the proposal',
    'effective share',
    'truth above',
    'AUC',
    'OP50',
    'OP75',
  ];
  const lines = [header, header.map(() => '---'), ...cells].map((line) => `| ${line.join(' | ')} |`);
  const text = `\`${commandOf()}\`: seed ${SEED}, ${options.steps} steps each; IoU of pairs (see benchmarks/pairs), AUC of each second val sequence, one tracker seed.\n\n${lines.join('\n')}\n`;
  writeFileSync(path.join(options.out, 'result.md'), text);
  const versions = { node: process.version };
  writeFileSync(
    path.join(options.out, 'result.json'),
    `${JSON.stringify({ command: commandOf(), versions, results }, null, 1)}\n`,
  );
}

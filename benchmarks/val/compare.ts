/**
 * Compares result files of the benchmark val by origin and over all groups, and says whether the change is kept.
 *
 *   npm run bench -- compare --before A.json [A2.json ...] --after B.json [B2.json ...] [--worst 8]
 *
 * Several files of one side count together, such as those of val, dev and train. Run both sides with the same three tracker seeds.
 */
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { compare, decide, FIGURES, type Comparison, type PairedScore } from './paired.js';

const options = new Command()
  .requiredOption('--before <files...>', 'result files of the benchmark val')
  .requiredOption('--after <files...>', 'result files of the changed tracker')
  .option('--worst <n>', 'sequences that lose and gain most, so many of each', Number, 6)
  .parse()
  .opts<{ before: string[]; after: string[]; worst: number }>();

const scoresOf = (files: readonly string[]): PairedScore[] =>
  files.flatMap((file) => (JSON.parse(readFileSync(file, 'utf8')) as { scores: PairedScore[] }).scores);

function lineOf({ origin, groups, sequences, figures }: Comparison): string {
  const cells = FIGURES.map((figure) => {
    const { a, b, gain, error } = figures[figure];
    const sign = gain < 0 ? '-' : '+';
    return `${figure} ${a.toFixed(3)} -> ${b.toFixed(3)} (${sign}${Math.abs(gain).toFixed(3)} ± ${error.toFixed(3)})`;
  });
  return `${(origin || '(no origin)').padEnd(16)} ${String(groups).padStart(4)} groups ${String(sequences).padStart(4)} sequences  ${cells.join('  ')}`;
}

const before = scoresOf(options.before);
const after = scoresOf(options.after);
const lines = compare(before, after);
if (lines.length === 0) {
  console.error('bench compare: no sequence is on both sides; expected result files of the same footage');
  process.exitCode = 1;
} else {
  for (const line of lines) console.log(lineOf(line));
  const { kept, reason } = decide(lines);
  console.log(`${kept ? 'keep' : 'do not keep'}: ${reason}`);
  const meanOf = (scores: readonly PairedScore[], name: string): number => {
    const own = scores.filter(({ sequence }) => sequence === name);
    return own.reduce((sum, { auc }) => sum + auc, 0) / own.length;
  };
  const names = [...new Set(before.map(({ sequence }) => sequence))];
  const gains = names
    .map((name) => ({ name, gain: meanOf(after, name) - meanOf(before, name) }))
    .filter(({ gain }) => Number.isFinite(gain))
    .toSorted((a, b) => a.gain - b.gain);
  const show = (list: typeof gains): string => list.map(({ name, gain }) => `${name} ${gain.toFixed(2)}`).join(', ');
  console.log(`lose most: ${show(gains.slice(0, options.worst))}`);
  console.log(`gain most: ${show(gains.slice(-options.worst).toReversed())}`);
}

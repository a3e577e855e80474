/**
 * Rewrites what comes from result files of the benchmarks: the marked figures of README and docs, the pages that are made of one result file,
 * and docs/speed.svg. No model is run.
 *
 *   npm run figures
 *
 * A mark is `<!-- figure: KEY -->...<!-- end -->`; tools/lib/figures.ts has the keys. It never begins a line of prose, since Markdown takes
 * such a line for HTML.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { format, resolveConfig } from 'prettier';
import { markdownOf as builtPage, type BuiltResult } from '../benchmarks/built/report.js';
import { markdownOf as lossesPage, type LossesResult } from '../benchmarks/losses/report.js';
import { speedPlot } from '../benchmarks/speed/plot.js';
import { FIGURES, readResult, ROOT } from './lib/figures.js';

/** Files with marks. */
export const MARKED = [
  'README.md',
  'benchmarks/README.md',
  'docs/browser.md',
  'docs/figures.md',
  'docs/finetune.md',
  'docs/live.md',
  'docs/published.md',
  'docs/several-objects.md',
  'models/README.md',
];

const MARK = /<!-- figure: (\S+) -->([\s\S]*?)<!-- end -->/g;

/** The text with each mark filled in. @throws Error for a key that is not known */
export function fillMarks(text: string, file: string): string {
  return text.replaceAll(MARK, (_, key: string) => {
    const figure = FIGURES[key];
    if (!figure)
      throw new Error(`${file}: found "<!-- figure: ${key} -->", expected one of ${Object.keys(FIGURES).join(', ')}`);
    const value = figure();
    return `<!-- figure: ${key} -->${value.startsWith('|') ? `\n\n${value}\n\n` : value}<!-- end -->`;
  });
}

/** Prettier leaves the pages of models/ alone. */
async function formatted(text: string, file: string): Promise<string> {
  if (file.startsWith('models/')) return text;
  const config = await resolveConfig(path.join(ROOT, file));
  return format(text, { ...config, filepath: file });
}

/** Path from the root -> text as the result files want it. */
export async function figurePages(): Promise<Record<string, string>> {
  const pages: Record<string, string> = {
    'benchmarks/built/result-val.md': builtPage(readResult<BuiltResult>('benchmarks/built/result-val.json')),
    'benchmarks/losses/result-val.md': lossesPage(readResult<LossesResult>('benchmarks/losses/result-val.json')),
    'benchmarks/losses/result-train.md': lossesPage(readResult<LossesResult>('benchmarks/losses/result-train.json')),
  };
  for (const file of MARKED) pages[file] = fillMarks(readFileSync(path.join(ROOT, file), 'utf8'), file);
  const texts = await Promise.all(
    Object.entries(pages).map(async ([file, text]) => [file, await formatted(text, file)] as const),
  );
  return { ...Object.fromEntries(texts), 'docs/speed.svg': speedPlot() };
}

if (process.argv[1] === import.meta.filename) {
  for (const [file, text] of Object.entries(await figurePages())) {
    const place = path.join(ROOT, file);
    if (readFileSync(place, 'utf8') === text) continue;
    writeFileSync(place, text);
    console.log(`wrote ${file}`);
  }
}

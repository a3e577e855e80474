/** Figures of README and docs are those of the result files. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { figurePages, fillMarks, MARKED } from '../../tools/figures.js';
import { FIGURES, ROOT } from '../../tools/lib/figures.js';

const textOf = (file: string): string => readFileSync(path.join(ROOT, file), 'utf8');

// where it is meant to be so: npm run figures
it('README and docs have the figures of the result files', async () => {
  const pages = await figurePages();
  expect(Object.keys(pages).filter((file) => textOf(file) !== pages[file])).toEqual([]);
});

it('each figure is used, and no mark begins a line of prose', () => {
  const texts = MARKED.map(textOf);
  const used = new Set(texts.flatMap((text) => [...text.matchAll(/<!-- figure: (\S+) -->/g)].map(([, key]) => key!)));
  expect(Object.keys(FIGURES).filter((key) => !used.has(key))).toEqual([]);
  const leading = texts.flatMap((text) => [...text.matchAll(/^\s*(?:- )?<!-- figure: \S+ -->[^\n]+/gm)]);
  expect(leading.map(([line]) => line)).toEqual([]);
});

it('a mark of an unknown figure is an error, a known one is filled in', () => {
  expect(() => fillMarks('<!-- figure: nothing -->1<!-- end -->', 'a.md')).toThrow(/a\.md: found .*nothing/);
  expect(fillMarks('in <!-- figure: built.cases -->1<!-- end --> cases', 'a.md')).toMatch(
    /^in <!-- figure: built\.cases -->\d+<!-- end --> cases$/,
  );
});

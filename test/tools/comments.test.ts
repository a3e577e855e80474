import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';

const SRC = path.join(import.meta.dirname, '../../src');
/** A doc comment, or a line of one, that has no subject. */
const BARE = /^\s*(?:\/\*\*|\*) (?:What|Of|Where|Whether)\b/;

function bareLines(text: string): number[] {
  return text.split('\n').flatMap((line, i) => (BARE.test(line) ? [i + 1] : []));
}

it('finds the openings that CONTRIBUTING.md rules out', () => {
  const text = [
    '/** Of it. */',
    '  /** Whether so. */',
    ' * Where, if at all.',
    '/** Whatever is */',
    'const a = 1; // Of',
  ];
  expect(bareLines(text.join('\n'))).toEqual([1, 2, 3]);
});

it('no doc comment in src opens with What, Of, Where or Whether', () => {
  const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  const found = files.flatMap((file) =>
    bareLines(readFileSync(path.join(SRC, file), 'utf8')).map((line) => `src/${file}:${line}`),
  );
  expect(files.length).toBeGreaterThan(200);
  expect(found).toEqual([]);
});

import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';

const ROOT = path.join(import.meta.dirname, '../..');
const TEXT = readFileSync(path.join(ROOT, 'ARCHITECTURE.md'), 'utf8');
/** Lines by which a file may have grown or shrunk since its number was written down. */
const TOLERANCE = 40;

it('every file that ARCHITECTURE.md names is there', () => {
  const named = [...TEXT.matchAll(/`((?:[\w-]+\/)*[\w.-]+\.(?:c?js|ts))`/g)].map(([, file]) => file!);
  const folders = ['', 'src', 'src/web', 'src/web/page'];
  const missing = named.filter((file) => !folders.some((folder) => existsSync(path.join(ROOT, folder, file))));
  expect(named.length).toBeGreaterThan(25);
  expect(missing).toEqual([]);
});

it('the walk tells how long its six files are', () => {
  const rows = [...TEXT.matchAll(/^\| `(src\/[\w/.-]+)` +\| (\d+) +\|/gm)].map(([, file, lines]) => ({
    file: file!,
    told: Number(lines),
    found: readFileSync(path.join(ROOT, file!), 'utf8').split('\n').length - 1,
  }));
  expect(rows).toHaveLength(6);
  for (const { file, told, found } of rows) expect(Math.abs(told - found), file).toBeLessThanOrEqual(TOLERANCE);
});

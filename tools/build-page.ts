/**
 * Bundles the page of src/web/page into files that need nothing else.
 *
 *   npx tsx tools/build-page.ts [DIR]      default: dist/web/page
 */
import { copyFile, mkdir } from 'node:fs/promises';
import path from 'node:path';
import { build } from 'esbuild';

const PAGE = path.join(import.meta.dirname, '../src/web/page');

/** Writes index.html, style.css and app.js. */
export async function buildPage(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const file of ['index.html', 'style.css']) await copyFile(path.join(PAGE, file), path.join(folder, file));
  await build({
    entryPoints: [path.join(PAGE, 'main.ts')],
    outfile: path.join(folder, 'app.js'),
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    logLevel: 'warning',
  });
}

if (process.argv[1] === import.meta.filename) {
  await buildPage(process.argv[2] ?? path.join(import.meta.dirname, '../dist/web/page'));
}

/**
 * Bundles the page of src/web/page into files that need nothing else, ebm-tracker/web into scripts that need onnxruntime-web only, and the
 * static page of src/web/site.
 *
 *   npx tsx tools/build-page.ts [DIR]      default: dist/web/page; the others are dist/browser/bundle.js and dist/web/site
 */
import { copyFile, mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { build } from 'esbuild';
import { buildSite } from './lib/build-site.js';
import { leanLibraries } from './lib/lean-libraries.js';

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

/** The library for pages without a bundler: an import map tells where onnxruntime-web is. What decodes files is loaded when one is opened. */
async function buildBrowserBundle(folder: string): Promise<void> {
  await rm(path.join(folder, 'bundle'), { recursive: true, force: true });
  await build({
    entryPoints: { bundle: path.join(import.meta.dirname, '../src/browser/index.ts') },
    outdir: folder,
    chunkNames: 'bundle/[name]-[hash]',
    splitting: true,
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    external: ['onnxruntime-web'],
    plugins: [leanLibraries],
    logLevel: 'warning',
  });
}

if (process.argv[1] === import.meta.filename) {
  await buildBrowserBundle(path.join(import.meta.dirname, '../dist/browser'));
  await buildPage(process.argv[2] ?? path.join(import.meta.dirname, '../dist/web/page'));
  await buildSite(path.join(import.meta.dirname, '../dist/web/site'));
}

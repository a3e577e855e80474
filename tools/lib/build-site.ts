/** Bundles the static page of src/web/site: what `ebm-tracker web` copies, without runtime and models. */
import { readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { build, transform, type BuildOptions, type Plugin } from 'esbuild';
import { POLICY } from '../../src/web/site-headers.js';
import { LEAN, leanLibraries } from './lean-libraries.js';

const ROOT = path.join(import.meta.dirname, '../..');
const PAGE = path.join(ROOT, 'src/web/page');
const SITE = path.join(ROOT, 'src/web/site');

/** Libraries in the page. */
const PARTS = ['mediabunny', 'onnx-proto', 'protobufjs', 'zod'];

const COMMON: BuildOptions = {
  bundle: true,
  minify: true,
  target: 'es2022',
  legalComments: 'none',
  logLevel: 'warning',
};

/** The runtime lies beside the page, and is loaded when it is known which build is needed. */
const runtimeBeside: Plugin = {
  name: 'runtime-beside',
  setup({ onResolve }) {
    onResolve({ filter: /^onnxruntime-web\/(wasm|webgpu)$/ }, ({ path: name }) => ({
      path: `./ort/ort.${path.posix.basename(name)}.bundle.min.mjs`,
      external: true,
    }));
  },
};

/** Writes index.html, style.css, scripts, and the licences of what is in them. */
export async function buildSite(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await build({
    ...COMMON,
    entryPoints: { app: path.join(SITE, 'main.ts'), worker: path.join(SITE, 'worker.ts') },
    outdir: folder,
    format: 'esm',
    splitting: true,
    chunkNames: '[name]-[hash]',
    plugins: [runtimeBeside, leanLibraries],
  });
  await build({ ...COMMON, entryPoints: [path.join(SITE, 'sw.ts')], outdir: folder, format: 'iife' });
  const html = await readFile(path.join(PAGE, 'index.html'), 'utf8');
  const policy = `<meta http-equiv="content-security-policy" content="${POLICY}" />`;
  await writeFile(path.join(folder, 'index.html'), html.replace('<meta charset="utf-8" />', `$&\n    ${policy}`));
  const css = await readFile(path.join(PAGE, 'style.css'), 'utf8');
  await writeFile(path.join(folder, 'style.css'), (await transform(css, { loader: 'css', minify: true })).code);
  await writeFile(path.join(folder, 'licences.txt'), await licences());
}

async function licences(): Promise<string> {
  const texts = [`ebm-tracker\n\n${await readFile(path.join(ROOT, 'LICENSE'), 'utf8')}`];
  for (const name of PARTS) {
    const folder = path.join(ROOT, 'node_modules', name);
    const { version, license } = JSON.parse(await readFile(path.join(folder, 'package.json'), 'utf8')) as {
      version: string;
      license: string;
    };
    const text = await readFile(path.join(folder, 'LICENSE'), 'utf8').catch(() => '');
    const change = LEAN[name] ?? 'unchanged';
    texts.push(`${name} ${version} (${license}), ${change}; source: https://www.npmjs.com/package/${name}\n\n${text}`);
  }
  return texts.map((text) => `${text.trim()}\n`).join(`\n${'-'.repeat(80)}\n\n`);
}

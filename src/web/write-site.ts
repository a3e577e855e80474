/** The folder that `ebm-tracker web` writes: the built page, onnxruntime-web, and the models, for any static host. */
import { copyFile, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { messageOf, TrackerError } from '../errors.js';
import { findBackbone, loadManifest, readVerified, type HeadEntry, type Manifest } from '../features/manifest.js';
import { outputFailed } from '../files/write.js';
import { sha256Of } from '../hash.js';
import { formatSafetensors, parseSafetensors } from '../io/safetensors.js';
import { nodePlatform } from '../node/platform.js';
import { headFileOf, openHead } from '../tracker/open-head.js';
import { HEADERS } from './site-headers.js';

export interface SiteOptions {
  /** New, empty, or a folder that this wrote before. */
  readonly out: string;
  /** Weight file, or name of a head in the manifest; left out: the one that ships. */
  readonly head?: string | undefined;
  /** Folder of the built page; left out: dist/web/site of this package. */
  readonly pageFolder?: string | undefined;
}

/** Bytes of what was written. */
export interface SiteSizes {
  readonly page: number;
  readonly runtime: number;
  readonly smallModels: number;
  readonly exactModels: number;
}

/** Files of onnxruntime-web: a script and its WebAssembly, for each device. */
const RUNTIME = [
  'ort.wasm.bundle.min.mjs',
  'ort-wasm-simd-threaded.wasm',
  'ort.webgpu.bundle.min.mjs',
  'ort-wasm-simd-threaded.asyncify.wasm',
];
/** Told apart from what other programs write by this file. */
const MARK = 'sw.js';
const INDEX = 'index.html';
const HALF_HEAD = 'head-16bit.safetensors';
const FLOAT_HEAD = 'head.safetensors';
const ENTRY = 'head';

/** @throws TrackerError OPTION_INVALID (the folder holds something else), RUNTIME_UNAVAILABLE, MODEL_MISSING, MODEL_INVALID, OUTPUT_FAILED */
export async function writeSite({ out, head, pageFolder }: SiteOptions): Promise<SiteSizes> {
  const page = pageFolder ?? path.join(import.meta.dirname, '../../dist/web/site');
  const runtime = await findRuntime();
  const models = await makeModels(head);
  await checkFolder(out);
  const files = await filesOf(page);
  try {
    for (const folder of ['ort', 'models']) {
      await rm(path.join(out, folder), { recursive: true, force: true });
      await mkdir(path.join(out, folder), { recursive: true });
    }
    for (const name of files) await copyFile(path.join(page, name), path.join(out, name));
    for (const name of RUNTIME) await copyFile(path.join(runtime, name), path.join(out, 'ort', name));
    for (const [name, bytes] of Object.entries(models)) await writeFile(path.join(out, 'models', name), bytes);
    await writeFile(path.join(out, '_headers'), headersFile());
    await fillServiceWorker(out, files);
  } catch (cause) {
    throw outputFailed(out, cause);
  }
  return sizesOf(out, files, models);
}

/** @throws TrackerError OPTION_INVALID */
async function checkFolder(out: string): Promise<void> {
  const found = await readdir(out).catch((error: NodeJS.ErrnoException): string[] => {
    if (error.code === 'ENOENT') return [];
    throw outputFailed(out, error);
  });
  if (found.length === 0 || found.includes(MARK)) return;
  throw new TrackerError('OPTION_INVALID', `--out ${out}: holds ${found[0]}, expected a new or an empty folder`, {
    hint: 'name another folder, such as --out site',
  });
}

async function filesOf(page: string): Promise<string[]> {
  return readdir(page).catch((cause: unknown) => {
    throw new TrackerError('SERVER_FAILED', `page ${page}: ${messageOf(cause)}`, { hint: 'npm run build', cause });
  });
}

/** Folder of the scripts and WebAssembly of onnxruntime-web, of the version that is tested. @throws TrackerError RUNTIME_UNAVAILABLE */
async function findRuntime(): Promise<string> {
  const own = new URL('../../package.json', import.meta.url);
  const { peerDependencies } = JSON.parse(await readFile(own, 'utf8')) as { peerDependencies: Record<string, string> };
  const version = peerDependencies['onnxruntime-web']!;
  const hint = `npm install onnxruntime-web@${version}, or npx -p ebm-tracker -p onnxruntime-web@${version} ebm-tracker web --out DIR`;
  for (const from of [import.meta.url, path.join(process.cwd(), 'here.js')]) {
    const folder = folderOf(from);
    if (folder === undefined) continue;
    const text = await readFile(path.join(folder, '../package.json'), 'utf8');
    const found = (JSON.parse(text) as { version: string }).version;
    if (found === version) return folder;
    const message = `onnxruntime-web: found version ${found} in ${folder}, expected ${version}`;
    throw new TrackerError('RUNTIME_UNAVAILABLE', message, { hint });
  }
  throw new TrackerError('RUNTIME_UNAVAILABLE', `onnxruntime-web ${version}: not installed`, { hint });
}

function folderOf(from: string): string | undefined {
  try {
    return path.dirname(createRequire(from).resolve('onnxruntime-web/wasm'));
  } catch {
    return undefined;
  }
}

/**
 * Files of the folder models/, by name: small.json names those of 8 and 16 bits, exact.json those of 32.
 * @throws TrackerError MODEL_MISSING, MODEL_INVALID
 */
export async function makeModels(head?: string): Promise<Record<string, Uint8Array>> {
  const manifest = await loadManifest(nodePlatform);
  const { backbone: name, sha256, confidence } = await openHead(nodePlatform, manifest, head);
  const exact = await readVerified(nodePlatform, headFileOf(manifest, head), sha256);
  const small = formatSafetensors(parseSafetensors(exact, FLOAT_HEAD), 'F16');
  const entryOf = (file: string, bytes: Uint8Array): HeadEntry => ({
    file,
    sha256: sha256Of(bytes),
    backbone: name,
    confidence,
  });
  const models: Record<string, Uint8Array> = {
    [HALF_HEAD]: small,
    [FLOAT_HEAD]: exact,
    'small.json': manifestWith(manifest, name, entryOf(HALF_HEAD, small)),
    'exact.json': manifestWith(manifest, name, entryOf(FLOAT_HEAD, exact)),
  };
  for (const precision of ['float', 'int8'] as const) {
    const { file, sha256: expected } = await findBackbone(nodePlatform, manifest, name, precision);
    models[path.basename(file)] = await readVerified(nodePlatform, file, expected);
  }
  return models;
}

function manifestWith({ content }: Manifest, backbone: string, head: HeadEntry): Uint8Array {
  const text = JSON.stringify({
    ...content,
    backbones: { [backbone]: content.backbones[backbone] },
    heads: { [ENTRY]: head },
    default: { backbone, head: ENTRY },
  });
  return new TextEncoder().encode(text);
}

/** For hosts that read it (Netlify, Cloudflare Pages and others): the page is isolated from the first visit on. */
function headersFile(): string {
  return `/*\n${Object.entries(HEADERS)
    .map(([name, value]) => `  ${name}: ${value}\n`)
    .join('')}`;
}

/** The service worker keeps the page's files; its version is that of everything that it may keep. */
async function fillServiceWorker(out: string, files: readonly string[]): Promise<void> {
  const kept = [...files.filter((name) => name !== MARK && name !== INDEX), 'models/small.json', 'models/exact.json'];
  const texts = await Promise.all([...kept, INDEX, MARK].map(async (name) => readFile(path.join(out, name))));
  const version = sha256Of(texts.map((text) => sha256Of(text)).join()).slice(0, 16);
  const script = await readFile(path.join(out, MARK), 'utf8');
  // a host may answer the folder only, and send who asks for index.html there
  const values = `const FILES=${JSON.stringify(['./', ...kept])},VERSION=${JSON.stringify(version)};`;
  await writeFile(path.join(out, MARK), values + script);
}

async function sizesOf(
  out: string,
  files: readonly string[],
  models: Readonly<Record<string, Uint8Array>>,
): Promise<SiteSizes> {
  const sum = async (names: readonly string[]): Promise<number> => {
    const sizes = await Promise.all(names.map(async (name) => (await stat(path.join(out, name))).size));
    return sizes.reduce((all, size) => all + size, 0);
  };
  const named = Object.keys(models).map((name) => `models/${name}`);
  const isSmall = (name: string): boolean => /int8|16bit|small/.test(name);
  return {
    page: await sum(files),
    runtime: await sum(RUNTIME.map((name) => `ort/${name}`)),
    smallModels: await sum(named.filter(isSmall)),
    exactModels: await sum(named.filter((name) => !isSmall(name))),
  };
}

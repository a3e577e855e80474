/** A browser as the platform of the tracker: files by fetch, hashes of the page's crypto, onnxruntime-web. It has no lanes. */
import { loadManifest, type Manifest } from '../features/manifest.js';
import type { Platform } from '../platform.js';
import { absolute, folderOf } from './address.js';
import type { BrowserRuntime } from './runtime.js';
import { browserSha256, createModelStore, type ModelProgress, type ModelStore } from './store.js';

const CACHE = 'ebm-tracker';

/** The files of models on a server, and their manifest. */
export interface ModelFiles extends Pick<Platform, 'manifest' | 'beside' | 'readFile' | 'sha256'> {
  readonly store: ModelStore;
}

export interface ModelFilesOptions {
  readonly cache?: boolean | undefined;
  readonly onProgress?: ((progress: ModelProgress) => void) | undefined;
}

/**
 * Reads the manifest, so that the files it names are looked for in the cache.
 * @param models address of the folder that holds manifest.json, or of a manifest (it ends in .json)
 * @throws TrackerError MODEL_MISSING, MODEL_INVALID
 */
export async function openModelFiles(
  models: string | URL,
  { cache = true, onProgress = () => undefined }: ModelFilesOptions,
): Promise<ModelFiles> {
  const store = createModelStore({
    // what the manifest says has to be what the server has now
    fetch: (address) => fetch(address, { cache: 'no-cache' }),
    openCache: cache && 'caches' in globalThis ? () => caches.open(CACHE) : undefined,
    sha256: browserSha256,
    onProgress,
  });
  const files: ModelFiles = {
    manifest: manifestOf(models),
    beside: (file, name) => new URL(name, file).href,
    readFile: (address) => store.readFile(absolute(address)),
    sha256: browserSha256,
    store,
  };
  store.expect(sha256sOf(await loadManifest(files)));
  return files;
}

export function createBrowserPlatform(files: ModelFiles, runtime: BrowserRuntime): Platform {
  return {
    ...files,
    cores: runtime.threads,
    copiesInputs: true,
    openModel: async (model) =>
      typeof model === 'string'
        ? runtime.openModel(await files.readFile(model), `model ${model}`)
        : runtime.openModel(model, `model in memory (${model.length} bytes)`),
  };
}

function manifestOf(models: string | URL): string {
  const address = absolute(models);
  return new URL(address).pathname.endsWith('.json') ? address : new URL('manifest.json', folderOf(address)).href;
}

/** Address -> sha256 of every file that a manifest describes. */
function sha256sOf({ content, locate }: Manifest): Map<string, string> {
  const backbones = Object.values(content.backbones);
  const described = [...backbones, ...backbones.flatMap(({ int8 }) => int8 ?? []), ...Object.values(content.heads)];
  return new Map(described.map(({ file, sha256 }) => [locate(file), sha256]));
}

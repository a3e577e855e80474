/**
 * Native TensorFlow where tfjs-node's own install cannot download it: the JavaScript layer of @tensorflow/tfjs-node (its kernels) over our
 * binding. tools/native-tensorflow.ts puts both into the cache folder; nothing is written into node_modules.
 */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import nodeUtil from 'node:util';
import { compileFunction } from 'node:vm';
import type { KernelBackend } from '@tensorflow/tfjs-core';
import { TrackerError } from '../errors.js';
import { NATIVE_TENSORFLOW_HINT, openNativeBinding, type NativeBinding } from './native-binding.js';

/** Versions that tools/native-tensorflow.ts unpacks. */
export const TENSORFLOW_VERSION = '2.15.1';
export const TFJS_NODE_VERSION = '4.22.0';

/** Folder of downloaded things: EBM_TRACKER_CACHE, else ebm-tracker in XDG_CACHE_HOME, else ~/.cache/ebm-tracker. */
export function cacheDirectory(env: NodeJS.ProcessEnv = process.env): string {
  if (env['EBM_TRACKER_CACHE']) return path.resolve(env['EBM_TRACKER_CACHE']);
  return path.join(env['XDG_CACHE_HOME'] || path.join(os.homedir(), '.cache'), 'ebm-tracker');
}

/** Folders of the two parts in a cache folder. */
export function nativeDirectories(cache: string): { readonly libraries: string; readonly tfjsNode: string } {
  return {
    libraries: path.join(cache, `tensorflow-${TENSORFLOW_VERSION}`),
    tfjsNode: path.join(cache, `tfjs-node-${TFJS_NODE_VERSION}`),
  };
}

/** Functions that Node 23 removed from node:util and tfjs-node 4.22.0 still calls. */
export const REMOVED_UTILS = {
  isNullOrUndefined: (value: unknown): boolean => value === null || value === undefined,
  isArray: (value: unknown): boolean => Array.isArray(value),
};

/**
 * Loads CommonJS files that reach outside themselves only through `outside`. tfjs-node's files must see the program's own tfjs-core under
 * the name @tensorflow/tfjs: a second engine would not know the program's tensors and gradients.
 * @param absent a file that counts as empty
 */
function commonJsLoader(outside: (name: string) => unknown, absent: string): (file: string) => unknown {
  const loaded = new Map<string, { exports: unknown }>([[absent, { exports: {} }]]);
  const load = (file: string): unknown => {
    const known = loaded.get(file);
    if (known) return known.exports;
    const module = { exports: {} as unknown };
    loaded.set(file, module);
    const require = (name: string): unknown =>
      name.startsWith('./') || name.startsWith('../')
        ? load(`${path.resolve(path.dirname(file), name)}.js`)
        : outside(name);
    const run = compileFunction(readFileSync(file, 'utf8'), ['module', 'exports', 'require'], { filename: file });
    run(module, module.exports, require);
    return module.exports;
  };
  return load;
}

type NodeBackendClass = new (binding: NativeBinding, packageName: string) => KernelBackend & { binding: NativeBinding };

/** Registers tfjs-node's kernels for the name 'tensorflow' and gives its backend class. */
function loadTfjsNodeLayer(directory: string): NodeBackendClass {
  const require = createRequire(import.meta.url);
  const outside = (name: string): unknown => {
    if (name === '@tensorflow/tfjs') return require('@tensorflow/tfjs-core');
    if (name === 'util') return { ...nodeUtil, ...REMOVED_UTILS };
    return require(name);
  };
  // The messages of TensorBoard, which nothing here writes: they alone would need google-protobuf.
  const load = commonJsLoader(outside, path.join(directory, 'dist', 'proto', 'api_pb.js'));
  load(path.join(directory, 'dist', 'register_all_kernels.js'));
  const layer = load(path.join(directory, 'dist', 'nodejs_kernel_backend.js')) as {
    NodeJSKernelBackend: NodeBackendClass;
  };
  return layer.NodeJSKernelBackend;
}

/**
 * Makes the native backend, not yet registered.
 * @param threads intra-op threads; undefined = one a core
 * @throws TrackerError TENSORFLOW_UNAVAILABLE when a part is missing
 */
export async function createNativeBackend(
  cache: string,
  threads: number | undefined,
): Promise<KernelBackend & { binding: NativeBinding }> {
  const { libraries, tfjsNode } = nativeDirectories(cache);
  const binding = await openNativeBinding(libraries, threads);
  if (!existsSync(path.join(tfjsNode, 'dist', 'nodejs_kernel_backend.js'))) {
    throw new TrackerError('TENSORFLOW_UNAVAILABLE', `JavaScript layer of tfjs-node: not found in ${tfjsNode}`, {
      hint: NATIVE_TENSORFLOW_HINT,
    });
  }
  const Backend = loadTfjsNodeLayer(tfjsNode);
  return new Backend(binding, '@tensorflow/tfjs-node');
}

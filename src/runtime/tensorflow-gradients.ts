/// <reference types="@tensorflow/tfjs-core/dist/public/chained_ops/register_all_chained_ops.js" />
/**
 * Registers the gradients and chained operations (x.add(y)) of tfjs-core. Its main file holds neither; they are ES modules in its dist
 * folder whose imports lack the ".js" that Node asks for, so a resolve hook adds it. (The package @tensorflow/tfjs has them bundled, but
 * brings 230 MB along.) The modules bring their own copies of the operations, which work on the same engine: tfjs-core keeps the engine
 * and its registries in globals.
 */
import * as nodeModule from 'node:module';
import { pathToFileURL } from 'node:url';
import type * as TensorflowCore from '@tensorflow/tfjs-core';
import type { GradFunc, Tensor } from '@tensorflow/tfjs-core';
import { fillInGradients } from './wasm-kernels.js';

const REGISTERING_MODULES = ['register_all_gradients.js', 'public/chained_ops/register_all_chained_ops.js'];

type Core = typeof TensorflowCore;

/** Attributes of the kernels Sum and Mean: undefined = all axes. */
interface ReductionAttributes {
  axis: number | number[];
}

interface Resolved {
  url: string;
  format: 'module';
  shortCircuit: true;
}
interface Context {
  parentURL?: string | undefined;
}
type Resolve<R> = (
  specifier: string,
  context: Context,
  next: (specifier: string, context: Context) => R,
) => R | Resolved;
/** Node 22.15 and later; @types/node of Node 20 does not know it. */
type RegisterHooks = (hooks: { resolve: Resolve<never> }) => { deregister(): void };

/** A relative import of a file in the folder `dist` (URL with trailing slash) gets its ".js". */
function resolveIn<R>(dist: string): Resolve<R> {
  return (specifier, context, next) =>
    context.parentURL?.startsWith(dist) && specifier.startsWith('.') && !specifier.endsWith('.js')
      ? { url: new URL(`${specifier}.js`, context.parentURL).href, format: 'module', shortCircuit: true }
      : next(specifier, context);
}

/** Installs the hook; returns what takes it away again. */
function installHook(dist: string): () => void {
  const { registerHooks } = nodeModule as { registerHooks?: RegisterHooks };
  if (registerHooks) {
    const hook = registerHooks({ resolve: resolveIn(dist) });
    return () => hook.deregister();
  }
  // Node 20: the hook runs in a thread of its own, hence as source text, and stays; it touches no other folder.
  const source = `${resolveIn.toString()}\nexport const resolve = resolveIn(${JSON.stringify(dist)});`;
  nodeModule.register(`data:text/javascript,${encodeURIComponent(source)}`);
  return () => {};
}

/**
 * Gradient of a reduction: dy spread over the axes that were reduced, times `factor`. tfjs-core's own multiplies dy by ones that it makes in
 * JavaScript and copies over: for 36 million elements 190 ms against 10.
 */
function spreadOver(tf: Core, dy: Tensor, shape: readonly number[], axes: readonly number[], factor: number): Tensor {
  const kept = shape.map((size, axis) => (axes.includes(axis) ? 1 : size));
  const repeats = shape.map((size, axis) => (axes.includes(axis) ? size : 1));
  // Its own gradient is a sum again; tfjs-core's for tile is a loop over the repeats.
  const spread = tf.customGrad((x) => ({
    value: tf.tile(x as Tensor, repeats),
    gradFunc: (outer: Tensor) => tf.sum(outer, [...axes], true),
  }));
  const scaled = factor === 1 ? dy : tf.mul(dy, factor);
  return spread(tf.reshape(scaled, kept));
}

/** Replaces the gradients of Sum and Mean by faster ones with the same result. */
function replaceReductionGradients(tf: Core): void {
  for (const kernelName of [tf.Sum, tf.Mean]) {
    const gradFunc: GradFunc = (dy, saved, attributes) => {
      const { shape } = saved[0]!;
      const axes = tf.util.parseAxisParam((attributes as unknown as ReductionAttributes).axis, shape);
      const count = axes.reduce((product, axis) => product * shape[axis]!, 1);
      const factor = kernelName === tf.Mean ? 1 / count : 1;
      return { x: () => spreadOver(tf, dy as Tensor, shape, axes, factor) };
    };
    if (tf.getGradient(kernelName)) tf.unregisterGradient(kernelName);
    tf.registerGradient({ kernelName, inputsToSave: ['x'], gradFunc });
  }
}

/**
 * Registers them all; doing it twice changes nothing.
 * @throws Error when tfjs-core's files are not where version 4.22 has them
 */
export async function registerGradients(tf: Core): Promise<void> {
  const known = tf.getGradient(tf.BatchMatMul) !== undefined && 'matMul' in tf.Tensor.prototype;
  if (!known) await importRegisteringModules();
  replaceReductionGradients(tf);
  fillInGradients(tf);
}

async function importRegisteringModules(): Promise<void> {
  const main = nodeModule.createRequire(import.meta.url).resolve('@tensorflow/tfjs-core');
  const dist = new URL('./', pathToFileURL(main)).href;
  const uninstall = installHook(dist);
  try {
    for (const file of REGISTERING_MODULES) await import(dist + file);
  } finally {
    uninstall();
  }
}

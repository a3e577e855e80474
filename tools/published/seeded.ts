/**
 * Weights from their names and pictures from whole numbers: the same in every language, so that no large file has to travel. The fixtures under
 * test/published/fixtures were computed with them.
 *
 *   seed     FNV-1a, 32 bit, of the tensor's name
 *   u[i]     output i, from 1, of splitmix32 of that seed, over 2^32
 *   value    a + b u, by the kind of the tensor
 */
import {
  batchNorms,
  COUNTER_ENDING,
  OPTIMISER,
  unusedShapes,
  usedShapes,
  type Architecture,
} from '../../src/published/architecture.js';
import type { Frame } from '../../src/image/frame.js';
import type { FrameBox } from '../../src/geometry.js';
import { writeCheckpoint, type ContainerName, type Written, type WrittenTensor } from './write-checkpoint.js';

export function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash;
}

/** @param shape of a tensor of a network; the filter optimiser's are given, not made */
export function seededTensor(name: string, shape: readonly number[]): Float32Array {
  const count = shape.reduce((product, side) => product * side, 1);
  const [a, b] = rangeOf(name, shape);
  const result = new Float32Array(count);
  let state = fnv1a(name);
  for (let i = 0; i < count; i++) {
    state = (state + 0x9e3779b9) >>> 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
    result[i] = a + b * (((z ^ (z >>> 16)) >>> 0) / 2 ** 32);
  }
  return result;
}

function rangeOf(name: string, shape: readonly number[]): readonly [number, number] {
  if (shape.length >= 2) {
    const bound = Math.sqrt(6 / shape.slice(1).reduce((product, side) => product * side, 1));
    return [-bound, 2 * bound];
  }
  if (name.endsWith('running_var')) return [0.5, 1];
  if (name.endsWith('running_mean') || name.endsWith('bias')) return [-0.1, 0.2];
  return [0.5, 0.5];
}

/** Values of the filter optimiser, by the end of their names, as a fixture has them. */
export type OptimiserValues = Readonly<Record<string, readonly number[]>>;

/** What is used of a network. */
export function seededWeights(
  architecture: Architecture,
  optimiser: OptimiserValues,
): Record<string, WrittenTensor & { data: Float32Array }> {
  return Object.fromEntries(
    Object.entries(usedShapes(architecture)).map(([name, shape]) => [
      name,
      { shape, data: valuesOf(name, shape, optimiser) },
    ]),
  );
}

function valuesOf(name: string, shape: readonly number[], optimiser: OptimiserValues): Float32Array {
  if (!name.startsWith(`${OPTIMISER}.`)) return seededTensor(name, shape);
  const values = optimiser[name.slice(OPTIMISER.length + 1)];
  if (!values) throw new Error(`the fixture has no ${name}`);
  return Float32Array.from(values);
}

/** The whole state of a network, as a checkpoint holds it: what is not used too. */
export function seededState(architecture: Architecture, optimiser: OptimiserValues): Map<string, Written> {
  const shapes = { ...usedShapes(architecture), ...unusedShapes(architecture) };
  const norms = new Set(batchNorms(shapes));
  const state = new Map<string, Written>();
  for (const [name, shape] of Object.entries(shapes)) {
    state.set(name, { tensor: { shape, data: valuesOf(name, shape, optimiser) } });
    const norm = /^(.*)\.running_var$/.exec(name)?.[1];
    if (norm !== undefined && norms.has(norm))
      state.set(`${norm}${COUNTER_ENDING}`, { tensor: { shape: [], data: BigInt64Array.of(0n) } });
  }
  return state;
}

/** What a trainer of that architecture saves beside the weights, as far as an importer looks at it. */
export interface SeededSettings {
  readonly netType?: string;
  readonly kwds: Readonly<Record<string, Written>>;
  readonly projectPath?: string;
}

export function seededCheckpoint(
  state: ReadonlyMap<string, Written>,
  { netType = 'DiMPnet', kwds, projectPath }: SeededSettings,
  container: ContainerName,
): Uint8Array {
  const constructor = {
    object: {
      type: ['ltr.admin.model_constructor', 'NetConstructor'],
      state: {
        fun_name: 'dimpnet',
        fun_module: 'ltr.models.tracking.dimpnet',
        args: [],
        kwds: new Map(Object.entries(kwds)),
      },
    },
  } as const;
  const settings = {
    object: { type: ['ltr.admin.settings', 'Settings'], state: { use_gpu: true, project_path: projectPath ?? '' } },
  } as const;
  return writeCheckpoint(
    {
      epoch: 50,
      actor_type: 'DiMPActor',
      net_type: netType,
      net: state,
      net_info: null,
      constructor,
      ...(projectPath === undefined ? {} : { settings }),
    },
    container,
  );
}

const WIDTH = 320;
const HEIGHT = 240;

/** Where the object of the sequence is. */
export function seededBox(index: number): FrameBox {
  return { x: 100 + 3 * index, y: 80 + 2 * index, w: 44 + Math.floor(index / 3), h: 36 + Math.floor(index / 4) };
}

/** A frame of the sequence: a texture, and an object of another one that moves and grows. A larger one is the same repeated. */
export function seededFrame(index: number, width = WIDTH, height = HEIGHT): Frame {
  const data = new Uint8Array(3 * width * height);
  const box = seededBox(index);
  let at = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [column, row] = [x % WIDTH, y % HEIGHT];
      const [u, v] = [column - box.x, row - box.y];
      const inside = u >= 0 && u < box.w && v >= 0 && v < box.h;
      for (let c = 0; c < 3; c++) {
        const thing = 96 + ((((u >> 2) * 37) ^ ((v >> 2) * 59) ^ (c * 83)) & 127);
        data[at++] = inside ? thing : ((column * 3 + row * 5 + c * 29) ^ ((column >> 4) * (row >> 4) * 11)) & 127;
      }
    }
  }
  return { data, width, height, index, time: index / 30 };
}

import { compileFunction } from 'node:vm';
import { build, type BuildResult } from 'esbuild';
import { beforeAll, expect, test } from 'vitest';
import type * as Core from '../src/core.js';
import type { FrameBox } from '../src/geometry.js';
import { createTracker, createTrackerGroup } from '../src/node/open.js';
import { nodePlatform } from '../src/node/platform.js';
import { frameWithTwo, places } from './helpers/scene.js';

const OPTIONS = { threads: 1, provider: 'cpu', seed: 5 } as const;
const FRAMES = 2;
const [BOX, OTHER] = places(0) as [FrameBox, FrameBox];

/** Names that Node has and a browser has not. In the bundle they are parameters that nobody gives. */
const OF_NODE = [
  'process',
  'Buffer',
  'require',
  'module',
  'exports',
  'global',
  'setImmediate',
  '__dirname',
  '__filename',
];

/** Node's, but for the bytes: a browser knows no Buffer. */
const platform = {
  ...nodePlatform,
  readFile: async (file: string) => new Uint8Array(await nodePlatform.readFile(file)),
};

let bundled: BuildResult<{ write: false; metafile: true }>;
let core: typeof Core;
beforeAll(async () => {
  bundled = await build({
    entryPoints: ['src/core.ts'],
    bundle: true,
    platform: 'browser',
    format: 'iife',
    globalName: 'core',
    write: false,
    metafile: true,
    logLevel: 'silent',
  });
  const load = compileFunction(`${bundled.outputFiles[0]!.text}\nreturn core`, OF_NODE) as () => typeof Core;
  core = load();
});

test('the core bundles for a browser without a module of Node, a polyfill or a native library', () => {
  expect(bundled.warnings).toEqual([]);
  const files = Object.keys(bundled.metafile.inputs);
  const packages = files.flatMap((file) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1] ?? []);
  expect(new Set(packages.filter((name) => !name.startsWith('@protobufjs')))).toEqual(
    new Set(['zod', 'onnx-proto', 'protobufjs']),
  );
  expect(files.filter((file) => /^src\/(node|runtime|video|cli|web|training|evaluation)\//.test(file))).toEqual([]);
});

test('its pure parts run where there is nothing of Node', () => {
  expect(core.parseBox('10,20,30,40')).toEqual({ x: 10, y: 20, w: 30, h: 40 });
  expect(core.intersectionOverUnion({ x: 0, y: 0, w: 2, h: 2 }, { x: 1, y: 0, w: 2, h: 2 })).toBeCloseTo(1 / 3, 12);
  expect(core.parseConfig({ preset: 'fast' }, 3)).toMatchObject({ threads: 3, precision: 'int8' });
  const wrong = expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining('search.factor') });
  expect(() => core.parseConfig({ search: { factor: 99 } }, 1)).toThrow(wrong as Error);
});

test('with a platform it tracks as on Node, box for box, one object and several', async () => {
  const one = async (tracker: Core.Tracker): Promise<unknown[]> => {
    const results = [await tracker.init(frameWithTwo(0), BOX)];
    for (let i = 1; i <= FRAMES; i++) results.push(await tracker.update(frameWithTwo(i)));
    await tracker.release();
    return results;
  };
  expect(await one(await core.createTracker(platform, OPTIONS))).toEqual(await one(await createTracker(OPTIONS)));
  const several = async (group: Core.TrackerGroup): Promise<unknown[]> => {
    const results = [await group.init(frameWithTwo(0), [BOX, OTHER])];
    for (let i = 1; i <= FRAMES; i++) results.push(await group.update(frameWithTwo(i)));
    await group.release();
    return results;
  };
  // a platform without threads has no lanes
  const { startLane: _, ...alone } = platform;
  const group = await core.createTrackerGroup(alone, { ...OPTIONS, lanes: 2 });
  expect(group.description.lanes).toBe(1);
  expect(await several(group)).toEqual(await several(await createTrackerGroup({ ...OPTIONS, lanes: 1 })));
});

test('an engine or a model that a platform does not have is refused with a code', async () => {
  const { openTfjsEngine: _, ...plain } = platform;
  await expect(core.createTracker(plain, { ...OPTIONS, engine: 'tfjs' })).rejects.toMatchObject({
    code: 'RUNTIME_UNAVAILABLE',
  });
  const readFile = () => Promise.reject(new Error('no such address'));
  await expect(core.createTracker({ ...plain, readFile }, OPTIONS)).rejects.toMatchObject({
    code: 'MODEL_MISSING',
    message: expect.stringContaining('no such address') as string,
  });
});

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { build } from 'esbuild';
import { expect, it, onTestFinished } from 'vitest';
import * as whole from '../../src/io/onnx-graph.js';
import { leanLibraries } from '../../tools/lib/lean-libraries.js';

const ROOT = path.join(import.meta.dirname, '../..');

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'ebm-tracker-lean-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Bundles a file of the project, or one that holds `source`. */
async function bundle(entry: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [entry],
    absWorkingDir: ROOT,
    bundle: true,
    format: 'esm',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    plugins: [leanLibraries],
    write: false,
    logLevel: 'silent',
  });
  return outputFiles[0]!.text;
}

const load = async <T>(script: string, folder: string): Promise<T> => {
  const file = path.join(folder, 'bundle.mjs');
  await writeFile(file, script);
  return (await import(file)) as T;
};

function exampleGraph({ GraphBuilder }: typeof whole): Uint8Array {
  const g = new GraphBuilder();
  const weights = g.constant({ data: Float32Array.of(1, -2, 3, -4), dims: [2, 2] });
  const shape = g.integers([-1, 2]);
  const x = g.op('Reshape', [g.input('x', ['n', 2]), shape]);
  const y = g.op('LeakyRelu', [g.op('MatMul', [x, weights])], { alpha: { float: 0.25 } });
  g.output('y', g.op('Concat', [y, y], { axis: 1 }), ['n', 4]);
  return g.toBytes();
}

it('writes and reads the same ONNX graphs with a part of onnx-proto', async () => {
  const script = await bundle('src/io/onnx-graph.ts');
  expect(script).not.toMatch(/function (verify|fromObject|toObject|toJSON|create|encodeDelimited)\(/);
  const lean = await load<typeof whole>(script, await temporaryFolder());
  const bytes = exampleGraph(whole);
  expect(exampleGraph(lean)).toEqual(bytes);
  expect(lean.encodeModel(lean.decodeModel(bytes))).toEqual(bytes);
  const inside = whole.decodeModel(bytes).graph!.node![0]!.output![0]!;
  expect(lean.withOutputs(bytes, [inside])).toEqual(whole.withOutputs(bytes, [inside]));
});

it('checks settings the same with a part of zod', async () => {
  const whole = await import('../../src/config.js');
  const script = await bundle('src/config.ts');
  expect(script).not.toContain('json-schema.org');
  const lean = await load<typeof whole>(script, await temporaryFolder());
  const given = { preset: 'fast', seed: 3, target: { rate: 0.5 } };
  expect(lean.parseConfig(given, 2)).toEqual(whole.parseConfig(given, 2));
  const wrong = { seed: -1, search: { factor: '4' }, engine: 'x', extra: 1 };
  const messageOf = (parse: typeof whole.parseConfig): string => {
    try {
      parse(wrong, 1);
    } catch (error) {
      return (error as Error).message;
    }
    return 'accepted';
  };
  expect(messageOf(lean.parseConfig)).toBe(messageOf(whole.parseConfig));
  expect(messageOf(whole.parseConfig)).toMatch(/seed.*engine/s);
});

it.each([
  [
    'onnx-proto/dist/onnx.js',
    'X.verify = function () { return null; };',
    /found a function "\.verify =".*UNUSED_FUNCTION/,
  ],
  ['zod/v4/core/to-json-schema.js', 'export default 1;', /found no export.*EXPORTED/],
])('refuses another form of %s', async (name, text, expected) => {
  const file = path.join(await temporaryFolder(), 'node_modules', name);
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, text);
  await expect(bundle(file)).rejects.toThrow(expected);
});

/** What a bundler makes of the entry point for browsers. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { build, type Metafile } from 'esbuild';
import { expect, it } from 'vitest';

const ROOT = path.join(import.meta.dirname, '../..');

async function bundled(external: string[]): Promise<Metafile> {
  const { warnings, metafile } = await build({
    entryPoints: [path.join(ROOT, 'src/browser/index.ts')],
    absWorkingDir: ROOT,
    bundle: true,
    splitting: true,
    platform: 'browser',
    format: 'esm',
    outdir: 'unwritten',
    external,
    write: false,
    metafile: true,
    logLevel: 'silent',
  });
  expect(warnings).toEqual([]);
  return metafile;
}

function packagesOf({ inputs }: Metafile): Set<string> {
  const names = Object.keys(inputs).flatMap((file) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1] ?? []);
  return new Set(names.filter((name) => !name.startsWith('@protobufjs')));
}

it('bundles for a browser without a module of Node or a polyfill', async () => {
  const metafile = await bundled(['onnxruntime-web']);
  expect(packagesOf(metafile)).toEqual(new Set(['zod', 'onnx-proto', 'protobufjs', 'mediabunny']));
  const files = Object.keys(metafile.inputs);
  expect(files.filter((file) => /^src\/(node|runtime|video|cli|web|training|evaluation)\//.test(file))).toEqual([]);
});

it('bundles with onnxruntime-web, whose builds are loaded when one is chosen', async () => {
  const metafile = await bundled([]);
  expect(packagesOf(metafile)).toEqual(new Set(['zod', 'onnx-proto', 'protobufjs', 'mediabunny', 'onnxruntime-web']));
  const entry = Object.values(metafile.outputs).find(({ entryPoint }) => entryPoint === 'src/browser/index.ts')!;
  expect(entry.imports.map(({ kind }) => kind)).toContain('dynamic-import');
  // nor is what decodes files, which is loaded when one is opened
  expect(Object.keys(entry.inputs).join()).not.toMatch(/onnxruntime-web|mediabunny/);
});

it('says which onnxruntime-web to install: the one that is tested', async () => {
  const { peerDependencies, devDependencies, dependencies } = JSON.parse(
    await readFile(path.join(ROOT, 'package.json'), 'utf8'),
  ) as Record<string, Record<string, string>>;
  const version = devDependencies!['onnxruntime-web']!;
  expect(peerDependencies!['onnxruntime-web']).toBe(version);
  expect(dependencies!['onnxruntime-node']).toBe(version);
  const text = await readFile(path.join(ROOT, 'src/browser/runtime.ts'), 'utf8');
  expect(text).toContain(`npm install onnxruntime-web@${version}`);
});

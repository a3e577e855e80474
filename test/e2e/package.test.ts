import { execFile } from 'node:child_process';
import { mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { build as bundleByVite } from 'vite';
import { expect, it, vi } from 'vitest';
import { temporaryFolder } from '../helpers/video.js';

const ROOT = path.join(import.meta.dirname, '../..');
const run = promisify(execFile);

/** Typed, strict, and with the declarations of the library and of all it needs checked. */
const CONSUMER = `
import { createTrackerGroup, evaluate, finetune, openVideo, trackObjects, TrackerError } from 'ebm-tracker';
import type { FinetuneResult, EvaluateResult, FrameBox, TrackResult } from 'ebm-tracker';

const boxes: FrameBox[] = [{ x: 195, y: 24, w: 351, h: 243 }, { x: 60, y: 200, w: 90, h: 120 }];
const group = await createTrackerGroup({ threads: 2, lanes: 2 });
const source = await openVideo(process.argv[2]!);
const found: (readonly TrackResult[])[] = [];
for await (const { objects } of trackObjects(group, source, boxes)) if (found.push(objects) === 2) break;
await group.release();
const scores: Promise<EvaluateResult | string> = evaluate({ dataset: 'folder', root: 'no-such' }).catch(codeOf);
const fitted: Promise<FinetuneResult | string> = finetune({ data: 'no-such', out: 'no-such.txt' }).catch(codeOf);
console.log(JSON.stringify({ objects: found.map((all) => all.length), errors: [await scores, await fitted] }));

function codeOf(error: unknown): string {
  if (error instanceof TrackerError) return error.code;
  throw error;
}

// @ts-expect-error a box needs a height
const wrong: FrameBox = { x: 1, y: 2, w: 3 };
void wrong;
`;

/**
 * An empty project with the packed library in it and nothing but its dependencies beside it: as installed, without the minutes and the network
 * that an install takes (.ci/run does that).
 */
async function makeProject(): Promise<string> {
  const app = await temporaryFolder();
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  await run(npm, ['run', 'build'], { cwd: ROOT });
  const { stdout } = await run(npm, ['pack', '--ignore-scripts', '--json', '--pack-destination', app], { cwd: ROOT });
  const [{ filename }] = JSON.parse(stdout) as [{ filename: string }];
  const installed = path.join(app, 'node_modules/ebm-tracker');
  await mkdir(installed, { recursive: true });
  await run('tar', ['-xzf', path.join(app, filename), '--strip-components=1', '-C', installed]);
  const { dependencies } = JSON.parse(await readFile(path.join(installed, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  for (const name of [...Object.keys(dependencies), '@types/node']) {
    const link = path.join(app, 'node_modules', name);
    await mkdir(path.dirname(link), { recursive: true });
    await symlink(path.join(ROOT, 'node_modules', name), link);
  }
  await writeFile(path.join(app, 'package.json'), '{ "name": "app", "private": true, "type": "module" }');
  return app;
}

it('the packed library, in an empty project: typed, ESM, tracks; and without TensorFlow.js where nothing is fine-tuned', async () => {
  const app = await makeProject();
  const compiler = {
    compilerOptions: {
      target: 'es2023',
      lib: ['es2023'],
      module: 'nodenext',
      strict: true,
      exactOptionalPropertyTypes: true,
      types: ['node'],
    },
    files: ['consumer.ts'],
  };
  await writeFile(path.join(app, 'tsconfig.json'), JSON.stringify(compiler));
  await writeFile(path.join(app, 'consumer.ts'), CONSUMER);
  await run(process.execPath, [path.join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', app]).catch((error) =>
    expect.fail((error as { stdout: string }).stdout),
  );
  const clip = path.join(app, 'node_modules/ebm-tracker/models/demo/demo.mp4');
  const { stdout } = await run(process.execPath, ['consumer.js', clip], { cwd: app });
  expect(JSON.parse(stdout)).toEqual({ objects: [2, 2], errors: ['DATA_INVALID', 'OPTION_INVALID'] });

  await rm(path.join(app, 'node_modules/@tensorflow'), { recursive: true });
  const track = `const { createTracker } = await import('ebm-tracker'); await (await createTracker()).release();`;
  await run(process.execPath, ['--input-type=module', '-e', track], { cwd: app });
}, 300_000);

/** A page's script, with the names of a browser and without those of Node. */
const PAGE = `
import { createTracker, createWorkerTracker, TrackerError, trackVideo } from 'ebm-tracker/web';
import type { BrowserTracker, FrameInput, TrackResult } from 'ebm-tracker/web';

export async function track(video: HTMLVideoElement): Promise<TrackResult | string> {
  try {
    const tracker: BrowserTracker = await createTracker({ models: '/models', onProgress: ({ loaded }) => console.log(loaded) });
    await tracker.init(video, { x: 1, y: 2, w: 3, h: 4 });
    const frame: FrameInput = new VideoFrame(video);
    return await tracker.update(frame);
  } catch (error) {
    return error instanceof TrackerError ? error.code : 'UNKNOWN';
  }
}

export async function trackFile(file: File): Promise<number[]> {
  const worker = new Worker(new URL('ebm-tracker/web/worker', import.meta.url), { type: 'module' });
  const tracker = await createWorkerTracker(worker, { models: '/models', precision: 'int8' });
  const times: number[] = [];
  for await (const { time } of trackVideo(tracker, file, { x: 1, y: 2, w: 3, h: 4 })) times.push(time);
  return times;
}

// @ts-expect-error models have an address
void createTracker({});
`;

it('the packed library, in an empty project: bundles for a browser, typed, without a polyfill or onnxruntime-web', async () => {
  const app = await makeProject();
  const compiler = {
    compilerOptions: {
      target: 'es2023',
      lib: ['es2023', 'dom'],
      module: 'esnext',
      moduleResolution: 'bundler',
      strict: true,
      noEmit: true,
      types: [],
    },
    files: ['page.ts'],
  };
  await writeFile(path.join(app, 'tsconfig.json'), JSON.stringify(compiler));
  await writeFile(path.join(app, 'page.ts'), PAGE);
  await run(process.execPath, [path.join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', app]).catch((error) =>
    expect.fail((error as { stdout: string }).stdout),
  );
  const { warnings, metafile } = await build({
    entryPoints: [path.join(app, 'page.ts')],
    absWorkingDir: app,
    bundle: true,
    platform: 'browser',
    format: 'esm',
    external: ['onnxruntime-web'],
    write: false,
    metafile: true,
    logLevel: 'silent',
  });
  expect(warnings).toEqual([]);
  const outside = Object.values(metafile.outputs).flatMap(({ imports }) => imports.map(({ path }) => path));
  expect(outside).toEqual(['onnxruntime-web/webgpu', 'onnxruntime-web/wasm']);

  const onWarning = vi.fn();
  const bundled = (await bundleByVite({
    root: app,
    configFile: false,
    logLevel: 'silent',
    build: {
      write: false,
      minify: false,
      target: 'es2022',
      lib: { entry: path.join(app, 'page.ts'), formats: ['es'] },
      rollupOptions: { external: [/^onnxruntime-web\//], onwarn: onWarning },
    },
    worker: { format: 'es', rollupOptions: { external: [/^onnxruntime-web\//] } },
  })) as readonly { readonly output: readonly { readonly fileName: string; readonly imports?: readonly string[] }[] }[];
  // Vite says so where it puts a stand-in in the place of a module of Node
  expect(onWarning.mock.calls).toEqual([]);
  const imports = new Set(bundled.flatMap(({ output }) => output.flatMap(({ imports = [] }) => imports)));
  expect([...imports].filter((name) => !name.endsWith('.js'))).toEqual([]);
}, 300_000);

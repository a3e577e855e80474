/**
 * The rules of imports, for `npm run lint`: layers, circles, and libraries that have one place each. A test says that each rule can fail
 * (test/tools/imports.test.ts).
 */

/** From the bottom to the top: a file imports from its own row and the rows above it here. */
const LAYERS = [
  ['errors', 'files', 'hash', 'json', 'geometry', 'presets', 'config', 'platform', 'random', 'result', 'limit'],
  ['runtime', 'image', 'video', 'io'],
  ['features'],
  ['ebm'],
  ['target'],
  ['tracker', 'published'],
  ['core', 'node', 'browser', 'drawing'],
  ['datasets'],
  ['training', 'evaluation'],
  ['web'],
  ['cli', 'index'],
];

/** What may run anywhere: it imports nothing of Node, and no library that needs Node (src/platform.ts). */
const CORE =
  '^src/(geometry|config|presets|random|errors|json|result|platform|core|features|ebm|target|tracker|image/(crop|frame)|io/(text|safetensors|half|onnx-graph))(/|\\.ts$)';

/** The core in a page: the entry point ebm-tracker/web. The page of `serve` is in src/web. */
const BROWSER = '^src/browser/';

/** The static page that `ebm-tracker web` writes: it tracks by itself. */
const SITE = '^src/web/site/';

/** Libraries and the places that import them. Where `types` is true, a type may be imported anywhere: it is gone when the program runs. */
const LIBRARIES = [
  { library: 'onnx-proto', place: '^src/io/onnx-graph\\.ts$' },
  { library: 'sharp', place: '^src/image/' },
  { library: 'onnxruntime-node', place: '^src/runtime/onnx\\.ts$' },
  { library: 'mediabunny', place: '^src/browser/demuxer\\.ts$' },
  { library: 'onnxruntime-web', place: '^src/browser/runtime\\.ts$' },
  { library: '@tensorflow/', place: '^src/(runtime/|training/|ebm/engines/tfjs\\.ts$)', types: true },
  { library: 'fastify', place: '^src/web/', types: true },
  { library: 'workerpool', place: '^src/evaluation/(run-pool|worker)\\.ts$' },
  { library: 'bullmq|ioredis', place: '^src/evaluation/queue\\.ts$' },
  { library: 'fluent-ffmpeg|child_process', place: '^src/video/' },
];

const roomsOf = (rows) => `^src/(${rows.flat().join('|')})(/|\\.ts$)`;

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    { name: 'no-circle', severity: 'error', from: { path: '^src/' }, to: { circular: true } },
    {
      name: 'in-a-layer',
      comment: 'Add the folder to LAYERS.',
      severity: 'error',
      from: { path: '^src/', pathNot: roomsOf(LAYERS) },
      to: {},
    },
    {
      name: 'within-src',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(test|tools|benchmarks|examples)/' },
    },
    ...LAYERS.slice(0, -1).map((_, row) => ({
      name: `downwards-from-${LAYERS[row][0]}`,
      severity: 'error',
      from: { path: roomsOf(LAYERS.slice(0, row + 1)) },
      to: { path: '^src/', pathNot: roomsOf(LAYERS.slice(0, row + 1)) },
    })),
    {
      name: 'core-runs-anywhere',
      comment: 'Ask the platform for it (src/platform.ts).',
      severity: 'error',
      from: { path: CORE },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'core-imports-core',
      comment: 'Ask the platform for it (src/platform.ts).',
      severity: 'error',
      from: { path: CORE },
      to: { path: '^src/', pathNot: CORE, dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'browser-needs-no-node',
      comment: 'A page has the core, and nothing of Node.',
      severity: 'error',
      from: { path: [BROWSER, SITE] },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'browser-imports-core',
      comment: 'A page has the core, and nothing of Node.',
      severity: 'error',
      from: { path: BROWSER },
      to: { path: '^src/', pathNot: [BROWSER, CORE] },
    },
    {
      name: 'browser-stands-alone',
      comment: 'What is above the core runs on Node.',
      severity: 'error',
      from: { path: '^src/', pathNot: [BROWSER, SITE] },
      to: { path: BROWSER },
    },
    ...LIBRARIES.map(({ library, place, types }) => ({
      name: `${library.replace(/^\W|\W$/g, '').replace(/\W+/g, '-')}-in-its-place`,
      severity: 'error',
      from: { path: '^src/', pathNot: place },
      to: { path: `(^|node_modules/|node:)(${library})`, ...(types ? { dependencyTypesNot: ['type-only'] } : {}) },
    })),
  ],
  options: {
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
  },
};

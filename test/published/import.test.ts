import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TrackerError } from '../../src/errors.js';
import { sha256Of } from '../../src/hash.js';
import { formatSafetensors } from '../../src/io/safetensors.js';
import {
  batchNorms,
  COUNTER_ENDING,
  unusedShapes,
  usedShapes,
  type Architecture,
  type Depth,
  type Family,
} from '../../src/published/architecture.js';
import { architectureOf, formatPublished, parsePublished } from '../../src/published/file.js';
import { convertCheckpoint } from '../../src/published/import.js';
import { TRACKER_IDS, TRACKERS, type TrackerId } from '../../src/published/trackers.js';
import { createRandom, type Random } from '../../src/random.js';
import { seededCheckpoint, seededState, type OptimiserValues } from '../../tools/published/seeded.js';
import type { Written } from '../../tools/published/write-checkpoint.js';
import { cli } from '../helpers/terminal.js';

let folder: string;
beforeAll(async () => (folder = await mkdtemp(path.join(tmpdir(), 'import-'))));
afterAll(() => rm(folder, { recursive: true }));

const table = Array.from({ length: 100 }, (_, i) => i / 100);
const OPTIMISERS: Readonly<Record<Family, OptimiserValues>> = {
  dimp: {
    log_step_length: [0],
    filter_reg: [0.1],
    'label_map_predictor.weight': table,
    'target_mask_predictor.0.weight': table,
    'spatial_weight_predictor.weight': table,
  },
  prdimp: { log_step_length: [0], filter_reg: [0.05] },
  simple: { 'residual_module.filter_reg': [0.1] },
};

/** Small networks of each kind: what is fixed in the architecture stays. */
const small = (family: Family, depth: Depth): Architecture => ({
  family,
  depth,
  widths: { stem: 2, filter: 4, fine: 2, coarse: 3, fineDense: 2, coarseDense: 3 },
});
const stateOf = (architecture: Architecture): Map<string, Written> =>
  seededState(architecture, OPTIMISERS[architecture.family]);

const COMMON = { filter_size: 4, clf_feat_norm: true, final_conv: true, backbone_pretrained: false };
const KWDS: Readonly<Record<Family, Readonly<Record<string, Written>>>> = {
  dimp: { ...COMMON, num_dist_bins: 100, bin_displacement: 0.1, target_mask_act: 'sigmoid', score_act: 'relu' },
  prdimp: { ...COMMON, optim_min_reg: 0.05, gauss_sigma: 0.9, alpha_eps: 0.05, normalize_label: true },
  simple: { ...COMMON, hinge_threshold: 0.05, activation_leak: 0.1, score_act: 'relu' },
};
const SUPER = { frozen_backbone_layers: ['conv1', 'bn1', 'layer1', 'layer2'], init_gauss_sigma: 0.9166666666666666 };

// --- names and shapes ---

/** Of the published networks: entries, numbers, and a digest of all names and shapes, as PyTorch has them. */
const PUBLISHED: Readonly<Record<TrackerId, readonly [number, number, string]>> = {
  super_dimp: [407, 43155863, 'f344ebabd37941a9'],
  dimp50: [407, 43155863, 'f344ebabd37941a9'],
  dimp18: [221, 19661944, 'cc0375b45b758cb6'],
  prdimp50: [404, 43155563, '02292ce9cc9d79c9'],
  prdimp18: [218, 19661644, '34d70e25530d2dd0'],
  super_dimp_simple: [403, 43155562, '83d3734259299278'],
};

test.each(TRACKER_IDS)('%s: names and shapes are those of the published network', (id) => {
  const { family, depth } = TRACKERS[id];
  const widths = {
    stem: 64,
    filter: depth === 50 ? 512 : 256,
    fine: 256,
    coarse: 256,
    fineDense: 256,
    coarseDense: 256,
  };
  const architecture = { family, depth, widths };
  const shapes = { ...usedShapes(architecture), ...unusedShapes(architecture) };
  const counters = batchNorms(shapes).map((norm) => [`${norm}${COUNTER_ENDING}`, []] as const);
  const all: (readonly [string, readonly number[]])[] = [...Object.entries(shapes), ...counters];
  const numbers = all.reduce((sum, [, shape]) => sum + shape.reduce((product, side) => product * side, 1), 0);
  const digest = sha256Of(
    all
      .map(([name, shape]) => `${name} [${shape.join(',')}]`)
      .toSorted()
      .join('\n'),
  );
  expect([all.length, numbers, digest.slice(0, 16)]).toEqual(PUBLISHED[id]);
});

// --- which one is it ---

interface Case {
  readonly id: TrackerId;
  readonly kwds?: Readonly<Record<string, Written>>;
  readonly projectPath?: string;
  readonly file?: string;
  readonly why: RegExp;
}
const CASES: readonly Case[] = [
  { id: 'dimp18', why: /dimp classifier and ResNet-18/ },
  { id: 'prdimp18', why: /prdimp classifier and ResNet-18/ },
  { id: 'prdimp50', why: /prdimp classifier and ResNet-50/ },
  { id: 'super_dimp_simple', why: /simple classifier and ResNet-50/ },
  { id: 'super_dimp', projectPath: 'ltr/dimp/super_dimp', why: /training was called ltr\/dimp\/super_dimp/ },
  { id: 'dimp50', projectPath: 'ltr/dimp/dimp50', why: /training was called/ },
  { id: 'super_dimp', kwds: { frozen_backbone_layers: SUPER.frozen_backbone_layers }, why: /frozen_backbone_layers/ },
  { id: 'super_dimp', kwds: { init_gauss_sigma: SUPER.init_gauss_sigma }, why: /init_gauss_sigma is 0\.9166/ },
  { id: 'dimp50', kwds: { init_gauss_sigma: 0.9 }, why: /init_gauss_sigma is 0\.9/ },
  { id: 'super_dimp', file: 'super_dimp (1).pth', why: /file is called super_dimp \(1\)\.pth/ },
  { id: 'dimp50', file: 'DiMP50.pth', why: /file is called/ },
  // what the training says goes before the name of the file
  { id: 'super_dimp', kwds: SUPER, file: 'dimp50.pth', why: /frozen_backbone_layers/ },
];

test.each(CASES)('$id is told by $why', ({ id, kwds, projectPath, file, why }) => {
  const { family, depth, rules } = TRACKERS[id];
  const settings = { kwds: { ...KWDS[family], ...kwds }, ...(projectPath === undefined ? {} : { projectPath }) };
  for (const container of ['legacy', 'zip'] as const) {
    const bytes = seededCheckpoint(stateOf(small(family, depth)), settings, container);
    const { model } = convertCheckpoint(bytes, `/folder/${file ?? 'checkpoint.pth'}`);
    expect(model.recipe).toMatchObject({ tracker: id, rules, family, depth, widths: small(family, depth).widths });
    expect(model.recipe.why).toMatch(why);
    expect(model.recipe.source).toEqual({
      file: file ?? 'checkpoint.pth',
      sha256: sha256Of(bytes),
      bytes: bytes.length,
    });
    expect(Object.keys(model.weights).toSorted()).toEqual(Object.keys(usedShapes(small(family, depth))).toSorted());
  }
});

const dimp50 = (kwds: Readonly<Record<string, Written>> = KWDS.dimp, netType?: string): Uint8Array =>
  seededCheckpoint(stateOf(small('dimp', 50)), netType === undefined ? { kwds } : { kwds, netType }, 'zip');

test('where nothing tells DiMP-50 from SuperDiMP, it is asked for; --like says it', () => {
  expect(() => convertCheckpoint(dimp50(), 'a.pth')).toThrow(
    expect.objectContaining({ code: 'CHECKPOINT_INVALID', hint: expect.stringMatching(/--like/) as string }),
  );
  expect(convertCheckpoint(dimp50(), 'a.pth', 'super_dimp').model.recipe.tracker).toBe('super_dimp');
  expect(() => convertCheckpoint(dimp50(), 'a.pth', 'prdimp50')).toThrow(/PrDiMP-50 has a prdimp classifier/);
  const simple18 = seededCheckpoint(stateOf(small('simple', 18)), { kwds: KWDS.simple }, 'zip');
  expect(() => convertCheckpoint(simple18, 'a.pth')).toThrow(/no published tracker/);
  expect(convertCheckpoint(simple18, 'a.pth', 'super_dimp_simple').model.recipe.rules.size).toBe(352);
});

// --- settings ---

test('settings are those the network was built with, and its own where they are missing', () => {
  const filterOf = (family: Family, kwds: Readonly<Record<string, Written>>): unknown =>
    convertCheckpoint(seededCheckpoint(stateOf(small(family, 50)), { kwds }, 'zip'), 'super_dimp').model.recipe.filter;
  expect(filterOf('dimp', KWDS.dimp)).toEqual({ family: 'dimp', bin: 0.1, leastRegularisation: 1e-3 });
  expect(filterOf('dimp', COMMON)).toEqual({ family: 'dimp', bin: 1, leastRegularisation: 1e-3 });
  const published = { family: 'prdimp', sigma: 0.9, leastRegularisation: 0.05, alpha: 0.05, normalised: true };
  expect(filterOf('prdimp', KWDS.prdimp)).toEqual(published);
  const own = { family: 'prdimp', sigma: 1, leastRegularisation: 1e-3, alpha: 0, normalised: false };
  expect(filterOf('prdimp', { ...COMMON, label_shrink: 0, softmax_reg: null })).toEqual(own);
  expect(filterOf('simple', COMMON)).toEqual({ family: 'simple', hinge: 0.05, leak: 0 });
});

test.each([
  ['filter_size', { filter_size: 1 }, /filter_size = 1, expected 4/],
  ['filter_size that is missing', { filter_size: undefined }, /filter_size = 1, expected 4/],
  ['mask of another kind', { target_mask_act: 'bins' }, /target_mask_act = bins/],
  ['features without norm', { clf_feat_norm: false }, /clf_feat_norm = false/],
  ['a text in place of a number', { bin_displacement: 'wide' }, /bin/],
  ['a list in place of a number', { bin_displacement: [0.1] }, /bin/],
  ['a step of 0', { bin_displacement: 0 }, /bin/],
])('a network with another %s is refused by name', (_, change, why) => {
  const kwds = Object.fromEntries(
    Object.entries({ ...KWDS.dimp, ...change }).filter(([, value]) => value !== undefined),
  );
  expect(() => convertCheckpoint(dimp50(kwds as Record<string, Written>), 'super_dimp.pth')).toThrow(why);
});

// --- other networks, damaged ones ---

const withState = (change: (state: Map<string, Written>) => void, netType?: string): Uint8Array => {
  const state = stateOf(small('dimp', 18));
  change(state);
  return seededCheckpoint(state, { kwds: KWDS.dimp, ...(netType === undefined ? {} : { netType }) }, 'zip');
};
const dropped = (pattern: RegExp) => (state: Map<string, Written>) => {
  for (const name of state.keys()) if (pattern.test(name)) state.delete(name);
};
const replaced = (name: string, shape: readonly number[], value: number) => (state: Map<string, Written>) => {
  const count = shape.reduce((product, side) => product * side, 1);
  state.set(name, { tensor: { shape, data: new Float32Array(count).fill(value) } });
};
const VARIANCE = 'feature_extractor.bn1.running_var';

test.each<readonly [string, Uint8Array, RegExp]>([
  ['ATOM', withState(dropped(/^classifier/), 'ATOMnet'), /it is ATOM.*calls itself ATOMnet/],
  ['ToMP', withState(() => undefined, 'ToMPnet'), /another network \(it calls itself ToMPnet\)/],
  ['KeepTrack', withState(() => undefined, 'TargetCandidateMatchingNetwork'), /TargetCandidateMatchingNetwork/],
  ['a net of its head only', withState(dropped(/^(classifier|bb_regressor)/)), /no classifier/],
  ['another classifier', withState(dropped(/filter_optimizer/)), /none of DiMP/],
  [
    'a tensor that is missing',
    withState(dropped(/^feature_extractor\.layer2\.1\.conv1/)),
    /1 tensors.*layer2\.1\.conv1/,
  ],
  ['a tensor too many', withState(replaced('classifier.extra.weight', [2], 0)), /classifier\.extra\.weight/],
  ['a name of an object', withState(replaced('__proto__', [2], 0)), /__proto__/],
  ['another shape', withState(replaced(VARIANCE, [3], 1)), /running_var is \[3\], expected \[2\]/],
  ['no channels', withState(replaced('feature_extractor.conv1.weight', [0, 3, 7, 7], 1)), /no channels in stem/],
  [
    'a number that is none',
    withState(replaced(VARIANCE, [2], NaN)),
    /number 0 of .*running_var is NaN: the file is damaged/,
  ],
  ['a negative variance', withState(replaced(VARIANCE, [2], -1)), /is -1: the file is damaged/],
])('%s is refused by name', (_, bytes, why) => {
  expect(() => convertCheckpoint(bytes, 'net.pth')).toThrow(
    expect.objectContaining({ code: 'CHECKPOINT_INVALID', message: expect.stringMatching(why) as string }),
  );
});

test('old files without counters, without a trainer, and states saved by themselves are imported', () => {
  const state = stateOf(small('prdimp', 18));
  dropped(/num_batches_tracked|layer4|\.fc\./)(state);
  const imported = convertCheckpoint(seededCheckpoint(state, { kwds: KWDS.prdimp }, 'legacy'), 'net.pth');
  expect(imported.model.recipe.tracker).toBe('prdimp18');
});

// --- the file that comes out ---

test('the file that is written reads the same, and is refused where something of it is changed', () => {
  const { model } = convertCheckpoint(dimp50(), 'a.pth', 'super_dimp');
  const file = formatPublished(model);
  const read = parsePublished(formatSafetensors(file), 'out');
  expect(read.recipe).toEqual(model.recipe);
  expect(Buffer.compare(formatSafetensors(formatPublished(read)), formatSafetensors(file))).toBe(0);
  const { [`feature_extractor.bn1.bias`]: _, ...others } = file.tensors;
  const recipe = JSON.parse(file.metadata['recipe']!) as Record<string, unknown>;
  const changes = [
    { ...file, metadata: { ...file.metadata, kind: 'ebm-tracker head 1' } },
    { ...file, metadata: { ...file.metadata, recipe: '{' } },
    { ...file, metadata: { ...file.metadata, recipe: JSON.stringify({ ...recipe, depth: 101 }) } },
    { ...file, metadata: { ...file.metadata, recipe: JSON.stringify({ ...recipe, depth: 18 }) } },
    { ...file, tensors: others },
  ];
  for (const changed of changes)
    expect(() => parsePublished(formatSafetensors(changed), 'out')).toThrow(
      expect.objectContaining({ code: 'MODEL_INVALID' }),
    );
});

test('the command says what it found and why, and writes one file', async () => {
  const checkpoint = path.join(folder, 'super_dimp.pth.tar');
  const bytes = dimp50({ ...KWDS.dimp, ...SUPER });
  await writeFile(checkpoint, bytes);
  const { exitCode, out } = await cli('import', checkpoint, '--out', path.join(folder, 'super-dimp'));
  expect(exitCode).toBe(0);
  expect(out).toMatch(/SuperDiMP: .*frozen_backbone_layers/);
  expect(out).toContain(sha256Of(bytes));
  expect(out).toMatch(/its networks take \d+\.\d\d s a frame here/);
  expect(out).toMatch(/LaSOT 63\.1 by the official protocol.*TrackingNet 78\.1/);
  const written = await readFile(path.join(folder, 'super-dimp.safetensors'));
  expect(parsePublished(written, 'out').recipe.source.sha256).toBe(sha256Of(bytes));
});

test.each([
  [['import'], 2, /missing required argument|required/],
  [['import', 'CHECKPOINT'], 2, /--out/],
  [['import', 'NONE', '--out', 'OUT'], 2, /cannot be read/],
  [['import', 'FOLDER', '--out', 'OUT'], 2, /folder/],
  [['import', 'CHECKPOINT', '--out', 'OUT', '--like', 'tomp'], 2, /expected one of dimp18/],
  [['import', 'CHECKPOINT', '--out', 'MISSING/out'], 1, /cannot be written/],
  [['import', 'TEXT', '--out', 'OUT'], 1, /no file of torch\.save/],
])('%j ends with %i', async (args, code, message) => {
  const places: Readonly<Record<string, string>> = {
    CHECKPOINT: path.join(folder, 'c.pth'),
    TEXT: path.join(folder, 'text.pth'),
    FOLDER: folder,
    NONE: path.join(folder, 'none.pth'),
    OUT: path.join(folder, 'out'),
    'MISSING/out': path.join(folder, 'missing', 'out'),
  };
  await writeFile(places['CHECKPOINT']!, dimp50());
  await writeFile(places['TEXT']!, 'some text');
  const { exitCode, out, err } = await cli(...args.map((arg) => places[arg] ?? arg));
  expect([exitCode, out]).toEqual([code, '']);
  expect(err).toMatch(message);
});

// --- 500 mutated checkpoints ---

/** Names, shapes and lengths stand before it, weights behind it. */
const PICKLE = 40_000;

/** Bytes flipped, most of them where names, shapes and lengths stand; cut; lengths and shapes forged. */
function mutate(bytes: Uint8Array, random: Random): Uint8Array {
  const kind = random.integer(4);
  if (kind === 0) return bytes.slice(0, random.integer(bytes.length));
  const mutated = bytes.slice();
  if (kind === 1) {
    for (let n = random.integer(20); n >= 0; n--) mutated[random.integer(bytes.length)] = random.integer(256);
  } else if (kind === 2) {
    for (let n = random.integer(3); n >= 0; n--) mutated[random.integer(PICKLE)] = random.integer(256);
  } else {
    // a whole number of the pickle, one byte (K) or two (M), becomes another one
    let at = random.integer(PICKLE);
    while (bytes[at] !== 0x4b && bytes[at] !== 0x4d) at++;
    mutated[at + 1] = random.integer(256);
  }
  return mutated;
}

test('500 mutated checkpoints: none is accepted that has other names or shapes, none ends in anything but a refusal', () => {
  const random = createRandom(500);
  const files = (['legacy', 'zip'] as const).map((container) =>
    seededCheckpoint(stateOf(small('dimp', 18)), { kwds: { ...KWDS.dimp, ...SUPER } }, container),
  );
  let refused = 0;
  for (let i = 0; i < 500; i++) {
    try {
      const { model } = convertCheckpoint(mutate(files[i % 2]!, random), 'mutated.pth');
      const shapes = usedShapes(architectureOf(model.recipe));
      expect(Object.fromEntries(Object.entries(model.weights).map(([name, { shape }]) => [name, shape]))).toEqual(
        shapes,
      );
      for (const { shape, data } of Object.values(model.weights))
        expect(data.length).toBe(shape.reduce((product, side) => product * side, 1));
    } catch (error) {
      if (!(error instanceof TrackerError)) throw error;
      expect(error.code).toBe('CHECKPOINT_INVALID');
      expect(error.message.split('\n')).toHaveLength(1);
      refused++;
    }
  }
  expect(refused).toBeGreaterThan(250);
}, 300_000);

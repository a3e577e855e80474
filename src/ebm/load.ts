/** Heads: of the manifest, with the ONNX graphs they were compiled to, and single weight files, compiled as they are opened. */
import path from 'node:path';
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { sha256Of } from '../hash.js';
import { messageOf, TrackerError } from '../errors.js';
import { readVerified, type Manifest } from '../features/manifest.js';
import { parseSafetensors, type SafetensorsFile } from '../io/safetensors.js';
import { checkWeights, NORM_GROUPS, type HeadModel } from './head.js';

const fileSchema = z.strictObject({ file: z.string(), sha256: z.string().regex(/^[0-9a-f]{64}$/) });

/** Logistic regression of "IoU > 0.5" on the tracker's figures; see tracker/confidence.ts. */
const confidenceSchema = z.strictObject({ bias: z.number(), weights: z.array(z.number()) });

export const HEAD_GRAPH_NAMES = ['embed', 'propose', 'energy', 'gradient'] as const;
export const TARGET_GRAPH_NAMES = ['respond', 'sample', 'learn', 'multiply'] as const;
export type HeadGraphName = (typeof HEAD_GRAPH_NAMES)[number];
export type TargetGraphName = (typeof TARGET_GRAPH_NAMES)[number];
export type GraphName = HeadGraphName | TargetGraphName;

const headSchema = z.strictObject({
  ...fileSchema.shape,
  /** Name of the backbone it was trained on. */
  backbone: z.string(),
  graphs: z.strictObject({
    embed: fileSchema,
    propose: fileSchema,
    energy: fileSchema,
    gradient: fileSchema,
    respond: fileSchema,
    sample: fileSchema,
    learn: fileSchema,
    multiply: fileSchema,
  }),
  confidence: confidenceSchema,
});

export type ConfidenceModel = z.infer<typeof confidenceSchema>;

export interface LoadedHead {
  readonly model: HeadModel;
  /** Name of its backbone in the manifest. */
  readonly backbone: string;
  readonly sha256: string;
  readonly confidence: ConfidenceModel;
  /** Of a weight file that names them. */
  readonly target?: TargetWidths;
  /** Bytes of one compiled graph; those of the manifest are checked against it. */
  graph(name: GraphName): Promise<Uint8Array>;
}

/** Makes a graph of a head that comes without: src/tracker/compile.ts, which is loaded when it is needed. */
export type Compile = (model: HeadModel, name: GraphName) => Promise<Uint8Array>;

/** What the first line of a weight file's metadata says. */
export const HEAD_KIND = 'ebm-tracker head 1';
const FILE_ENDING = '.safetensors';
const FILE_HINT =
  'use a file that ebm-tracker train or ebm-tracker finetune wrote with this version, or make one again';

/**
 * @param name a weight file (it ends in .safetensors), or a head of the manifest; left out: its default
 * @throws TrackerError MODEL_MISSING, MODEL_INVALID saying what was found and what was expected
 */
export async function loadHead(manifest: Manifest, name: string | undefined, compile: Compile): Promise<LoadedHead> {
  return name?.endsWith(FILE_ENDING) ? loadHeadFile(manifest, name, compile) : loadManifestHead(manifest, name);
}

async function loadManifestHead(manifest: Manifest, name: string | undefined): Promise<LoadedHead> {
  const { wanted, entry } = findEntry(manifest, name);
  const read = (file: { file: string; sha256: string }): Promise<Buffer> =>
    readVerified(path.join(manifest.directory, file.file), file.sha256);
  const { model } = parseHeadFile(await read(entry), `${wanted} (${entry.file})`);
  return {
    model,
    backbone: entry.backbone,
    sha256: entry.sha256,
    confidence: entry.confidence,
    graph: (graph) => read(entry.graphs[graph]),
  };
}

/** Where the weights of a head of the manifest lie. @throws TrackerError MODEL_MISSING, MODEL_INVALID */
export function headFileOf(manifest: Manifest, name?: string): string {
  return name?.endsWith(FILE_ENDING) ? name : path.join(manifest.directory, findEntry(manifest, name).entry.file);
}

function findEntry(manifest: Manifest, name?: string): { wanted: string; entry: z.infer<typeof headSchema> } {
  const content = manifest.content as typeof manifest.content & {
    heads?: Record<string, unknown>;
    default: { head?: string };
  };
  const wanted = name ?? content.default.head ?? 'default';
  const raw = content.heads?.[wanted];
  if (!raw) {
    const known = Object.keys(content.heads ?? {}).join(', ') || 'none';
    throw new TrackerError('MODEL_MISSING', `head "${wanted}": not in ${manifest.file} (found: ${known})`, {
      hint: `name one of these, or a weight file that ends in ${FILE_ENDING}`,
    });
  }
  const parsed = headSchema.safeParse(raw);
  if (!parsed.success) {
    throw new TrackerError('MODEL_INVALID', `head "${wanted}" in ${manifest.file}: ${faultsOf(parsed.error)}`, {
      hint: 'export it again: npx tsx tools/export-head.ts FILE.safetensors',
    });
  }
  return { wanted, entry: parsed.data };
}

/** Confidence that the manifest names for weights of this hash. */
function fittedTo({ content }: Manifest, sha256: string): ConfidenceModel | undefined {
  const { heads = {} } = content as { heads?: Record<string, unknown> };
  return Object.values(heads)
    .map((raw) => headSchema.safeParse(raw).data)
    .find((entry) => entry?.sha256 === sha256)?.confidence;
}

async function loadHeadFile(manifest: Manifest, file: string, compile: Compile): Promise<LoadedHead> {
  const bytes = await readFile(file).catch((cause: unknown) => {
    throw new TrackerError('MODEL_MISSING', `head ${file}: cannot be read (${messageOf(cause)})`, {
      hint: 'check --head; ebm-tracker finetune --data DIR --out FILE makes one',
      cause,
    });
  });
  const { model, backbone, confidence, target } = parseHeadFile(bytes, file);
  const known = Object.entries(manifest.content.backbones);
  const name = known.find(([, entry]) => entry.sha256 === backbone)?.[0];
  if (name === undefined) {
    const expected = known.map(([other, { sha256 }]) => `${other} ${sha256.slice(0, 12)}`).join(', ') || 'none';
    throw new TrackerError(
      'MODEL_INVALID',
      `head ${file}: trained on backbone ${backbone?.slice(0, 12) ?? '(not named)'}, expected one of ${manifest.file}: ${expected}`,
      { hint: 'add that backbone to the manifest (--config with "manifest"), or train the head again on one of these' },
    );
  }
  const { fineIn, coarseIn } = model.config;
  const { fine, coarse } = manifest.content.backbones[name]!;
  if (fineIn !== fine.channels || coarseIn !== coarse.channels) {
    const expected = `${fine.channels} and ${coarse.channels}`;
    throw invalidHead(
      file,
      `takes maps of ${fineIn} and ${coarseIn} channels, expected ${expected} of backbone ${name}`,
    );
  }
  const sha256 = sha256Of(bytes);
  return {
    model,
    backbone: name,
    sha256,
    // the manifest has what was fitted last to the head that ships; for a file without any, that is the nearest
    confidence: fittedTo(manifest, sha256) ?? confidence ?? findEntry(manifest).entry.confidence,
    ...(target ? { target } : {}),
    graph: (graph) => compile(model, graph),
  };
}

const whole = z.number().int().positive();
const grouped = whole.multipleOf(NORM_GROUPS);
const configSchema = z.strictObject({
  fineIn: whole,
  coarseIn: whole,
  fine: grouped,
  coarse: grouped,
  dense: whole,
  match: whole,
  hidden: whole,
  modulation: whole,
  proposal: grouped,
});
const axisSchema = z.strictObject({ cells: whole, stride: z.number().positive(), offset: z.number() });
const geometrySchema = z.strictObject({ fine: axisSchema, coarse: axisSchema, cropSize: whole });

/** Widths of the target model that the head's tracker was tuned with: channels after the projection, cells a side of a window. */
const targetSchema = z.strictObject({ channels: whole, window: whole });
export type TargetWidths = z.infer<typeof targetSchema>;

/** What a weight file holds. */
export interface HeadFile {
  readonly model: HeadModel;
  /** sha256 of the backbone it was trained on. */
  readonly backbone?: string;
  readonly confidence?: ConfidenceModel;
  readonly target?: TargetWidths;
  readonly metadata: Readonly<Record<string, string>>;
}

/** @throws TrackerError MODEL_INVALID naming what was found and what was expected: kind, metadata, names, shapes, values */
export function parseHeadFile(bytes: Uint8Array, where: string): HeadFile {
  const file = parseSafetensors(bytes, where);
  const { tensors, metadata } = file;
  const { kind, backbone } = metadata;
  if (kind !== HEAD_KIND) throw invalidHead(where, `is "${kind ?? 'of no kind'}", expected "${HEAD_KIND}"`);
  const config = readField(file, 'config', configSchema, where);
  const geometry = readField(file, 'geometry', geometrySchema, where);
  checkWeights(tensors, config, `weights ${where}`);
  return {
    model: { config, geometry, weights: tensors },
    ...(backbone === undefined ? {} : { backbone }),
    ...('confidence' in metadata ? { confidence: readField(file, 'confidence', confidenceSchema, where) } : {}),
    ...('target' in metadata ? { target: readField(file, 'target', targetSchema, where) } : {}),
    metadata,
  };
}

function readField<T>({ metadata }: SafetensorsFile, field: string, schema: z.ZodType<T>, where: string): T {
  const text = metadata[field];
  if (text === undefined) throw invalidHead(where, `has no ${field} in its metadata, expected it as JSON`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw invalidHead(where, `${field} in its metadata: expected JSON, found: ${messageOf(cause)}`, cause);
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw invalidHead(where, `${field} in its metadata: ${faultsOf(parsed.error)}`);
  return parsed.data;
}

const faultsOf = (error: z.ZodError): string =>
  error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ');

export function invalidHead(where: string, why: string, cause?: unknown): TrackerError {
  return new TrackerError('MODEL_INVALID', `head ${where}: ${why}`, { hint: FILE_HINT, cause });
}

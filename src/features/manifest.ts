/** models/manifest.json: which backbones and heads there are, and everything the code has to know about each of them. */
import * as z from 'zod';
import { messageOf, TrackerError } from '../errors.js';
import { decodeText } from '../io/text.js';
import type { Platform } from '../platform.js';

const sha256Schema = z.string().regex(/^[0-9a-f]{64}$/, 'expected 64 lower-case hexadecimal digits');
const perChannel = z.tuple([z.number(), z.number(), z.number()]);

const featureMapSchema = z
  .strictObject({
    /** Name of the graph's output: [B, channels, H, W]. */
    output: z.string(),
    /** Crop pixels from one cell to the next. */
    stride: z.number().int().positive(),
    channels: z.number().int().positive(),
    /** Cell i looks at stride * i + offset, continuous crop pixels; measured with tools/build-backbone.ts --measure-offsets. */
    offset: z.number(),
    /** Standard deviation of each channel over training crops. */
    deviation: z.array(z.number().nonnegative()),
  })
  .refine((map) => map.deviation.length === map.channels, {
    error: 'expected one deviation a channel',
    path: ['deviation'],
  });

const backboneSchema = z
  .strictObject({
    /** ONNX file, relative to the manifest. */
    file: z.string(),
    sha256: sha256Schema,
    input: z.strictObject({
      /** Name of the graph's input. */
      name: z.string(),
      /** [B, 3, S, S] or [B, S, S, 3]; the maps that come out are [B, C, H, W] either way. */
      layout: z.enum(['NCHW', 'NHWC']),
      colour: z.enum(['BGR', 'RGB']),
      /** value = (pixel - mean) * scale with pixels of 0..255; both in the order of `colour`. */
      mean: perChannel,
      scale: perChannel,
    }),
    /** The finer of the two maps: boxes are measured on it. */
    fine: featureMapSchema,
    /** The coarser of the two maps: objects are found on it. */
    coarse: featureMapSchema,
    /** The same network in 8 bits (tools/quantize-backbone.ts), for the same heads; made from the file of this sha256. */
    int8: z.strictObject({ file: z.string(), sha256: sha256Schema, madeFrom: sha256Schema }).optional(),
    origin: z.string(),
    licence: z.string(),
  })
  .refine((entry) => entry.fine.output !== entry.coarse.output, {
    error: 'expected another output than the fine map has',
    path: ['coarse', 'output'],
  });

/** Logistic regression of "IoU > 0.5" on the evidence of a frame; see tracker/confidence.ts. */
export const confidenceSchema = z.strictObject({ bias: z.number(), weights: z.array(z.number()) });
export type ConfidenceModel = z.infer<typeof confidenceSchema>;

const headSchema = z.object({
  /** Weights (safetensors), relative to the manifest. */
  file: z.string(),
  sha256: sha256Schema,
  /** Name of the backbone it was trained on. */
  backbone: z.string(),
  confidence: confidenceSchema,
});
export type HeadEntry = z.infer<typeof headSchema>;

const manifestSchema = z.looseObject({
  version: z.literal(1),
  backbones: z.record(z.string(), backboneSchema),
  heads: z.record(z.string(), headSchema).default({}),
  default: z.looseObject({ backbone: z.string(), head: z.string().optional() }),
});

export type FeatureMapSpec = z.infer<typeof featureMapSchema>;
/** An entry of the manifest, with its name and with `file` as a path that opens from anywhere. */
export type BackboneEntry = z.infer<typeof backboneSchema> & { name: string };
export type ManifestFile = z.infer<typeof manifestSchema>;

/** How the backbone computes. */
export type Precision = 'float' | 'int8';

/** A manifest that was read. */
export interface Manifest {
  readonly file: string;
  readonly content: ManifestFile;
  /** A file that the manifest names, as a name that opens from anywhere. */
  locate(name: string): string;
}

/** The part of the platform that reads models. */
export type Files = Pick<Platform, 'manifest' | 'beside' | 'readFile' | 'sha256'>;

/**
 * @param file left out: the manifest that ships
 * @throws TrackerError MODEL_MISSING (no file), MODEL_INVALID (not JSON, or a field is wrong: all of them are named)
 */
export async function loadManifest(files: Files, file: string = files.manifest): Promise<Manifest> {
  const text = decodeText(await readModelFile(files, file, 'manifest'), `manifest ${file}`, 'MODEL_INVALID');
  const hint = 'compare with models/manifest.json and models/README.md';
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new TrackerError('MODEL_INVALID', `manifest ${file}: expected JSON, found: ${messageOf(cause)}`, {
      hint,
      cause,
    });
  }
  const parsed = manifestSchema.safeParse(json);
  if (!parsed.success) {
    throw new TrackerError('MODEL_INVALID', `manifest ${file}: ${z.prettifyError(parsed.error)}`, { hint });
  }
  return { file, content: parsed.data, locate: (name) => files.beside(file, name) };
}

/** The manifest, and every file that it names, heads and their graphs too. */
export function filesOfManifest({ file, content, locate }: Manifest): string[] {
  const named: string[] = [];
  const walk = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    for (const [key, inner] of Object.entries(value)) {
      if (key === 'file' && typeof inner === 'string') named.push(locate(inner));
      else walk(inner);
    }
  };
  walk(content);
  return [file, ...named];
}

/**
 * One backbone of a manifest, its file checked against its sha256.
 * @param name the default one when left out
 * @param precision int8: file and sha256 are those of its 8-bit version
 * @throws TrackerError MODEL_MISSING (no such entry or file), MODEL_INVALID (the file is not the one described, or was made from another)
 */
export async function findBackbone(
  files: Files,
  manifest: Manifest,
  name?: string,
  precision: Precision = 'float',
): Promise<BackboneEntry> {
  const wanted = name ?? manifest.content.default.backbone;
  const entry = manifest.content.backbones[wanted];
  if (!entry) {
    const known = Object.keys(manifest.content.backbones).join(', ') || 'none';
    throw new TrackerError('MODEL_MISSING', `backbone ${wanted}: found ${known} in ${manifest.file}`, {
      hint: 'name one of these, or add an entry to the manifest (models/README.md says how)',
    });
  }
  const { file, sha256 } = precision === 'int8' ? int8Of(entry, wanted, manifest) : entry;
  const found = manifest.locate(file);
  await readVerified(files, found, sha256);
  return { ...entry, name: wanted, file: found, sha256 };
}

/** A head of a manifest. @param name the default one when left out. @throws TrackerError MODEL_MISSING */
export function findHead({ content, file }: Manifest, name?: string): HeadEntry & { readonly name: string } {
  const wanted = name ?? content.default.head ?? 'default';
  const entry = content.heads[wanted];
  if (entry) return { ...entry, name: wanted };
  const known = Object.keys(content.heads).join(', ') || 'none';
  throw new TrackerError('MODEL_MISSING', `head "${wanted}": not in ${file} (found: ${known})`, {
    hint: 'name one of these, or a weight file that ends in .safetensors',
  });
}

function int8Of(entry: z.infer<typeof backboneSchema>, name: string, manifest: Manifest) {
  const { int8, sha256 } = entry;
  const hint = 'npx tsx tools/quantize-backbone.ts --sequences DIR makes it; or use precision float';
  if (!int8) throw new TrackerError('MODEL_MISSING', `backbone ${name}: no int8 version in ${manifest.file}`, { hint });
  if (int8.madeFrom === sha256) return int8;
  const found = `made from ${int8.madeFrom.slice(0, 12)}, expected ${sha256.slice(0, 12)}`;
  throw new TrackerError('MODEL_INVALID', `backbone ${name}: its int8 version was ${found}`, { hint });
}

/**
 * The bytes of a model file, if they are the ones that were described.
 * @throws TrackerError MODEL_MISSING, MODEL_INVALID
 */
export async function readVerified(files: Files, file: string, sha256: string): Promise<Uint8Array> {
  const bytes = await readModelFile(files, file, 'model');
  const found = await files.sha256(bytes);
  if (found !== sha256) {
    throw new TrackerError('MODEL_INVALID', `model ${file}: sha256 is ${found}, expected ${sha256}`, {
      hint: 'fetch or build the file again; if it was replaced on purpose, put its new sha256 into the manifest',
    });
  }
  return bytes;
}

async function readModelFile(files: Files, file: string, what: string): Promise<Uint8Array> {
  try {
    return await files.readFile(file);
  } catch (cause) {
    throw new TrackerError('MODEL_MISSING', `${what} ${file}: ${messageOf(cause)}`, {
      hint: 'check the path; the files that ship lie in models/ (npx tsx tools/build-backbone.ts builds the backbone again)',
      cause,
    });
  }
}

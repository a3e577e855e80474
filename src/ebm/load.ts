/** Heads of the manifest: weights, widths, geometry, and the ONNX graphs they were compiled to. */
import path from 'node:path';
import { z } from 'zod';
import { TrackerError } from '../errors.js';
import { readVerified, type Manifest } from '../features/manifest.js';
import { parseSafetensors } from '../io/safetensors.js';
import { checkWeights, type HeadConfig, type HeadModel, type MapGeometry } from './head.js';

const fileSchema = z.strictObject({ file: z.string(), sha256: z.string().regex(/^[0-9a-f]{64}$/) });

/** Logistic regression of "IoU > 0.5" on the tracker's figures; see tracker/state.ts. */
const confidenceSchema = z.strictObject({ bias: z.number(), weights: z.array(z.number()) });

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
    learn: fileSchema,
  }),
  confidence: confidenceSchema,
});

export type GraphName = keyof z.infer<typeof headSchema>['graphs'];
export type ConfidenceModel = z.infer<typeof confidenceSchema>;

export interface LoadedHead {
  readonly model: HeadModel;
  readonly backbone: string;
  readonly sha256: string;
  readonly confidence: ConfidenceModel;
  /** Bytes of one compiled graph, checked against the manifest. */
  graph(name: GraphName): Promise<Uint8Array>;
}

/** @throws TrackerError MODEL_MISSING, MODEL_INVALID */
export async function loadHead(manifest: Manifest, name?: string): Promise<LoadedHead> {
  const content = manifest.content as typeof manifest.content & {
    heads?: Record<string, unknown>;
    default: { head?: string };
  };
  const wanted = name ?? content.default.head ?? 'default';
  const raw = content.heads?.[wanted];
  if (!raw) {
    const known = Object.keys(content.heads ?? {}).join(', ') || 'none';
    throw new TrackerError('MODEL_MISSING', `head "${wanted}": not in ${manifest.file} (found: ${known})`, {
      hint: 'export one: npx tsx tools/export-head.ts FILE.safetensors',
    });
  }
  const parsed = headSchema.safeParse(raw);
  if (!parsed.success) {
    const faults = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ');
    throw new TrackerError('MODEL_INVALID', `head "${wanted}" in ${manifest.file}: ${faults}`, {
      hint: 'export it again: npx tsx tools/export-head.ts FILE.safetensors',
    });
  }
  const entry = parsed.data;
  const read = (file: { file: string; sha256: string }): Promise<Buffer> =>
    readVerified(path.join(manifest.directory, file.file), file.sha256);
  const model = parseHead(await read(entry), entry.file);
  return {
    model,
    backbone: entry.backbone,
    sha256: entry.sha256,
    confidence: entry.confidence,
    graph: (graph) => read(entry.graphs[graph]),
  };
}

/** A head from the bytes of its weight file, whose metadata name widths and geometry. @throws TrackerError MODEL_INVALID */
export function parseHead(bytes: Uint8Array, where: string): HeadModel {
  const { tensors, metadata } = parseSafetensors(bytes, where);
  if (!metadata['config'] || !metadata['geometry']) {
    throw new TrackerError('MODEL_INVALID', `weights ${where}: no config and geometry in the metadata`, {
      hint: 'expected a head written by tools/train.ts',
    });
  }
  const config = JSON.parse(metadata['config']) as HeadConfig;
  const geometry = JSON.parse(metadata['geometry']) as MapGeometry;
  checkWeights(tensors, config, `weights ${where}`);
  return { config, geometry, weights: tensors };
}

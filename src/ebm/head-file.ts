/** Weight files: the head's weights in the safetensors format, with its widths and geometry as JSON in the metadata. */
import * as z from 'zod';
import { messageOf, TrackerError } from '../errors.js';
import { parseSafetensors } from '../io/safetensors.js';
import { checkWeights, NORM_GROUPS, type HeadModel } from './head.js';

/** Value of `kind` in a weight file's metadata. */
export const HEAD_KIND = 'ebm-tracker head 1';
const FILE_HINT =
  'use a file that ebm-tracker train or ebm-tracker finetune wrote with this version, or make one again';

const whole = z.number().int().positive();
const grouped = whole.multipleOf(NORM_GROUPS);
/** Heads of before these branches lack the fields. */
const branch = z.number().int().min(0).default(0);
const configSchema = z.strictObject({
  fineIn: whole,
  coarseIn: whole,
  fine: grouped,
  coarse: grouped,
  dense: whole,
  match: whole,
  recent: branch,
  context: branch,
  hidden: whole,
  modulation: whole,
  proposal: grouped,
});
const axisSchema = z.strictObject({ cells: whole, stride: z.number().positive(), offset: z.number() });
const geometrySchema = z.strictObject({ fine: axisSchema, coarse: axisSchema, cropSize: whole });

/** Contents of a weight file. */
export interface HeadFile {
  readonly model: HeadModel;
  /** sha256 of the backbone it was trained on. */
  readonly backbone: string | undefined;
  /** All of its metadata: what a tracker needs beside the weights, and what made them. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** @throws TrackerError MODEL_INVALID naming what was found and what was expected: kind, metadata, names, shapes, values */
export function parseHeadFile(bytes: Uint8Array, where: string): HeadFile {
  const { tensors, metadata } = parseSafetensors(bytes, where);
  const { kind, backbone } = metadata;
  if (kind !== HEAD_KIND) throw invalidHead(where, `is "${kind ?? 'of no kind'}", expected "${HEAD_KIND}"`);
  const config = readField(metadata, 'config', configSchema, where);
  const geometry = readField(metadata, 'geometry', geometrySchema, where);
  checkWeights(tensors, config, `weights ${where}`);
  return { model: { config, geometry, weights: tensors }, backbone, metadata };
}

/** JSON in the metadata of a weight file. @throws TrackerError MODEL_INVALID */
export function readField<T>(
  metadata: Readonly<Record<string, string>>,
  field: string,
  schema: z.ZodType<T>,
  where: string,
): T {
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

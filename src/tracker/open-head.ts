/** A head, ready to track with: an entry of the manifest or a weight file, with the confidence that was fitted to it. */
import * as z from 'zod';
import { invalidHead, parseHeadFile, readField, type HeadFile } from '../ebm/head-file.js';
import type { HeadModel } from '../ebm/head.js';
import { messageOf, TrackerError } from '../errors.js';
import {
  confidenceSchema,
  findHead,
  readVerified,
  type ConfidenceModel,
  type Files,
  type Manifest,
} from '../features/manifest.js';
import { TARGET_CHANNELS, TARGET_WINDOW } from '../target/classifier.js';
import { CONFIDENCE_INPUTS } from './confidence.js';

export interface OpenHead {
  readonly model: HeadModel;
  /** Name of its backbone in the manifest. */
  readonly backbone: string;
  readonly sha256: string;
  readonly confidence: ConfidenceModel;
}

const FILE_ENDING = '.safetensors';

/**
 * @param name a weight file (it ends in .safetensors), or a head of the manifest; left out: its default
 * @throws TrackerError MODEL_MISSING, MODEL_INVALID saying what was found and what was expected
 */
export async function openHead(files: Files, manifest: Manifest, name?: string): Promise<OpenHead> {
  return name?.endsWith(FILE_ENDING) ? openFile(files, manifest, name) : openEntry(files, manifest, name);
}

/** Path of the weights that openHead() reads. @throws TrackerError MODEL_MISSING where the manifest has no such head */
export function headFileOf(manifest: Manifest, name?: string): string {
  return name?.endsWith(FILE_ENDING) ? name : manifest.locate(findHead(manifest, name).file);
}

async function openEntry(files: Files, manifest: Manifest, wanted?: string): Promise<OpenHead> {
  const { name, file, sha256, backbone, confidence } = findHead(manifest, wanted);
  const bytes = await readVerified(files, manifest.locate(file), sha256);
  const where = `${name} (${file})`;
  const { model, metadata } = parseHeadFile(bytes, where);
  return checkForTracker({ model, backbone, sha256, confidence }, metadata, where);
}

async function openFile(files: Files, manifest: Manifest, file: string): Promise<OpenHead> {
  const bytes = await files.readFile(file).catch((cause: unknown) => {
    throw new TrackerError('MODEL_MISSING', `head ${file}: cannot be read (${messageOf(cause)})`, {
      hint: 'check --head; ebm-tracker finetune --data DIR --out FILE makes one',
      cause,
    });
  });
  const head = parseHeadFile(bytes, file);
  const { model, metadata } = head;
  const backbone = backboneOf(manifest, head, file);
  const sha256 = await files.sha256(bytes);
  const own = 'confidence' in metadata ? readField(metadata, 'confidence', confidenceSchema, file) : undefined;
  // the manifest has what was fitted last to the head that ships; for a file without any, that is the nearest
  const fitted = Object.values(manifest.content.heads).find((entry) => entry.sha256 === sha256)?.confidence;
  const confidence = fitted ?? own ?? findHead(manifest).confidence;
  return checkForTracker({ model, backbone, sha256, confidence }, metadata, file);
}

/** Name of the backbone that a weight file was trained on, if its maps are those that the head takes. */
function backboneOf(manifest: Manifest, { model, backbone }: HeadFile, file: string): string {
  const known = Object.entries(manifest.content.backbones);
  const [name, entry] = known.find(([, { sha256 }]) => sha256 === backbone) ?? [];
  if (name === undefined || entry === undefined) {
    const expected = known.map(([other, { sha256 }]) => `${other} ${sha256.slice(0, 12)}`).join(', ') || 'none';
    throw new TrackerError(
      'MODEL_INVALID',
      `head ${file}: trained on backbone ${backbone?.slice(0, 12) ?? '(not named)'}, expected one of ${manifest.file}: ${expected}`,
      { hint: 'add that backbone to the manifest (--config with "manifest"), or train the head again on one of these' },
    );
  }
  const { fineIn, coarseIn } = model.config;
  const { fine, coarse } = entry;
  if (fineIn === fine.channels && coarseIn === coarse.channels) return name;
  const expected = `${fine.channels} and ${coarse.channels}`;
  throw invalidHead(file, `takes maps of ${fineIn} and ${coarseIn} channels, expected ${expected} of backbone ${name}`);
}

const whole = z.number().int().positive();
/** Widths of the target model that the head was tuned with: channels after the projection, cells a side of a window. */
const targetSchema = z.strictObject({ channels: whole, window: whole });

/** The tracker around the head has to fit to it. */
function checkForTracker(head: OpenHead, metadata: HeadFile['metadata'], where: string): OpenHead {
  const target = 'target' in metadata ? readField(metadata, 'target', targetSchema, where) : undefined;
  if (target && (target.channels !== TARGET_CHANNELS || target.window !== TARGET_WINDOW)) {
    const found = `${target.channels} channels and windows of ${target.window}`;
    throw invalidHead(where, `target model of ${found}, expected ${TARGET_CHANNELS} and ${TARGET_WINDOW}`);
  }
  // fewer: fitted before there were so many inputs, of which the last ones do not count then
  const { length } = head.confidence.weights;
  if (length > CONFIDENCE_INPUTS)
    throw invalidHead(where, `confidence of ${length} weights, expected ${CONFIDENCE_INPUTS} at most`);
  return head;
}

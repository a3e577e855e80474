/** A trained head as a file: the weights, what tracking needs beside them, and what made them. */
import { readFile } from 'node:fs/promises';
import type { HeadConfig, MapGeometry, Weights } from '../ebm/head.js';
import { HEAD_KIND } from '../ebm/head-file.js';
import type { ConfidenceModel } from '../features/manifest.js';
import { writeSafetensors } from '../io/safetensors-file.js';
import { TARGET_CHANNELS, TARGET_WINDOW } from '../target/classifier.js';
import type { PublishedSettings } from './published-step.js';
import type { TrainingSettings } from './settings.js';

/** Record of how the weights were made. Two runs of the same seed, data and engine have the same record. */
export interface HeadRecord {
  readonly objective: string;
  readonly settings: TrainingSettings | PublishedSettings;
  /** Hash of the footage and how much there was of it. */
  readonly data: { readonly sha256: string; readonly sequences: number; readonly crops: number };
  readonly command: string;
  /** Version of TensorFlow.js's backend. */
  readonly tensorflow: string;
  readonly step: number;
  readonly pairs: number;
  /** The head that training started from, and figures on held-out pairs. */
  readonly from?: string | undefined;
  readonly before?: Readonly<Record<string, number>>;
  readonly after?: Readonly<Record<string, number>>;
}

export interface TrainedHead {
  readonly config: HeadConfig;
  readonly geometry: MapGeometry;
  readonly weights: Weights;
  /** sha256 of its backbone. */
  readonly backbone: string;
  readonly confidence: ConfidenceModel;
}

/** Writes the whole file or nothing. */
export async function writeHeadFile(file: string, head: TrainedHead, record: HeadRecord): Promise<void> {
  await writeSafetensors(file, {
    tensors: head.weights,
    metadata: {
      kind: HEAD_KIND,
      config: JSON.stringify(head.config),
      geometry: JSON.stringify(head.geometry),
      backbone: head.backbone,
      confidence: JSON.stringify(head.confidence),
      target: JSON.stringify({ channels: TARGET_CHANNELS, window: TARGET_WINDOW }),
      ...(await formatRecord(record)),
    },
  });
}

/** The record as metadata of a weight file. */
export async function formatRecord(record: HeadRecord): Promise<Record<string, string>> {
  const { data, objective, settings, command, step, pairs, from, before, after, tensorflow } = record;
  return {
    objective,
    seed: String(settings.seed),
    settings: JSON.stringify(settings),
    data: JSON.stringify(data),
    command,
    step: String(step),
    pairs: String(pairs),
    ...(from === undefined ? {} : { from }),
    ...(before && after ? { held_out: JSON.stringify({ before, after }) } : {}),
    versions: JSON.stringify({ 'ebm-tracker': await ownVersion(), node: process.version, tensorflow }),
  };
}

async function ownVersion(): Promise<string> {
  const text = await readFile(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

/** Parses options that several commands share: --start, whole numbers, the configuration file. */
import { access } from 'node:fs/promises';
import path from 'node:path';
import type { TrackerConfig } from '../config.js';
import { messageOf, TrackerError } from '../errors.js';
import { filesOfManifest } from '../features/manifest.js';
import type { Input } from '../files/keep-inputs.js';
import { readTextFile } from '../io/text-file.js';
import { loadManifest, parseConfig, publishedFileOf } from '../node/open.js';
import type { OpenOptions } from '../video/read.js';

/** "90" is a frame; "3.5s", "1:03.5" and "00:01:03.5" are times. @throws TrackerError OPTION_INVALID */
export function parseStart(text: string): NonNullable<OpenOptions['start']> {
  if (/^\d+$/.test(text)) return { frame: Number(text) };
  if (/^\d+(\.\d+)?s$/.test(text)) return { time: Number(text.slice(0, -1)) };
  if (/^(\d+:)?[0-5]?\d:[0-5]?\d(\.\d+)?$/.test(text)) {
    return { time: text.split(':').reduce((sum, part) => 60 * sum + Number(part), 0) };
  }
  throw new TrackerError('OPTION_INVALID', `--start "${text}": expected a frame number or a time`, {
    hint: 'for example --start 90 (frame 90), --start 3.5s or --start 00:00:03.5',
  });
}

/** @throws TrackerError OPTION_INVALID */
export function parseWhole(name: string, text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw new TrackerError('OPTION_INVALID', `${name} "${text}": expected a whole number`, {
    hint: `for example ${name} 2`,
  });
}

/** Undefined where the option was not given. @throws TrackerError OPTION_INVALID */
export function optionalWhole(name: string, text: string | undefined): number | undefined {
  return text === undefined ? undefined : parseWhole(name, text);
}

/** Option --stream of every command that reads a video. */
export const STREAM_OPTION = [
  '--stream <n>',
  'video stream of a file that has several: its number in ffprobe (default: the one that players show)',
] as const;

/** Options of the commands that run sequences in processes. */
export const WORKERS_OPTION = ['--workers <n>', 'processes (default: one a core)'] as const;
export const WORKER_THREADS_OPTION = ['--threads <n>', 'threads of each process (default: cores shared out)'] as const;

/** @throws TrackerError OPTION_INVALID */
export function streamOf({ stream }: { readonly stream?: string }): { readonly stream: number | undefined } {
  return { stream: optionalWhole('--stream', stream) };
}

const HEAD_ENDING = '.safetensors';

/**
 * --head: a weight file, with or without its ending, as a path from anywhere; what is no file is a name of the manifest. Undefined where the
 * option was not given.
 */
export async function resolveHead(text: string): Promise<string>;
export async function resolveHead(text: string | undefined): Promise<string | undefined>;
export async function resolveHead(text: string | undefined): Promise<string | undefined> {
  if (text === undefined) return undefined;
  if (text.endsWith(HEAD_ENDING)) return path.resolve(text);
  const file = path.resolve(`${text}${HEAD_ENDING}`);
  return access(file).then(
    () => file,
    () => text,
  );
}

/** The files of the networks. A manifest that cannot be read is told of when the tracker is made. */
export async function inputsOfModels({ manifest, head }: Pick<TrackerConfig, 'manifest' | 'head'>): Promise<Input[]> {
  const files = await loadManifest(manifest).then(filesOfManifest, () => []);
  const imported = await publishedFileOf({ head, manifest }).catch(() => undefined);
  const file = imported ?? head;
  const weights = file?.endsWith(HEAD_ENDING) ? [file] : [];
  return [...files, ...weights].map((path) => ({ what: 'the networks', path }));
}

/** Fields of the configuration that have an option of their own. */
export interface ConfigFlags {
  readonly preset?: string | undefined;
  /** A weight file, or a head of the manifest. */
  readonly head?: string | undefined;
  readonly engine?: string | undefined;
  readonly backend?: string | undefined;
  readonly threads?: number | undefined;
  readonly seed?: number | undefined;
}

/**
 * The configuration file, if any, with the options laid over it.
 * @throws TrackerError INPUT_NOT_FOUND, CONFIG_INVALID naming each field that is wrong
 */
export async function readConfig(file: string | undefined, flags: ConfigFlags): Promise<TrackerConfig> {
  const given = Object.fromEntries(Object.entries(flags).filter(([, value]) => value !== undefined));
  return parseConfig({ ...(file === undefined ? {} : await readConfigFile(file)), ...given });
}

async function readConfigFile(file: string): Promise<object> {
  const text = await readTextFile(file, { what: 'configuration', code: 'CONFIG_INVALID', hint: 'check --config' });
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  } catch (cause) {
    throw notAnObject(file, messageOf(cause), cause);
  }
  throw notAnObject(file, 'another JSON value');
}

function notAnObject(file: string, found: string, cause?: unknown): TrackerError {
  return new TrackerError('CONFIG_INVALID', `configuration ${file}: expected a JSON object, found: ${found}`, {
    hint: 'for example {"threads": 2, "engine": "onnx"}',
    cause,
  });
}

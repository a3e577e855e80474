/** Is a head an imported tracker? Then it is opened as one. */
import { open, readFile } from 'node:fs/promises';
import { parseConfig, type TrackerConfig } from '../config.js';
import { messageOf, TrackerError } from '../errors.js';
import { sha256Of } from '../hash.js';
import { PUBLISHED_KIND, parsePublished } from './file.js';
import { PublishedGroup } from './group.js';

const ENDING = '.safetensors';

/**
 * The file of an imported tracker that a head names: NAME.safetensors, or NAME where such a file is there. Only the head of the file is read.
 * @param known names that mean something else
 * @returns undefined where the head is no imported tracker
 */
export async function findPublished(head: string | undefined, known: readonly string[]): Promise<string | undefined> {
  if (head === undefined || known.includes(head)) return undefined;
  const file = head.endsWith(ENDING) ? head : `${head}${ENDING}`;
  return (await kindOf(file)) === PUBLISHED_KIND ? file : undefined;
}

/** Longer headers than this are none. */
const MOST_HEADER = 1 << 24;

/** Reads `kind` in the metadata of a weight file; undefined where it cannot be read. */
async function kindOf(file: string): Promise<unknown> {
  const handle = await open(file).catch(() => undefined);
  if (!handle) return undefined;
  try {
    const start = Buffer.alloc(8);
    await handle.read(start, 0, 8, 0);
    const length = Number(start.readBigUInt64LE());
    if (length > MOST_HEADER) return undefined;
    const header = Buffer.alloc(length);
    await handle.read(header, 0, length, 8);
    const { __metadata__: metadata } = JSON.parse(header.toString()) as { __metadata__?: Record<string, unknown> };
    return metadata?.['kind'];
  } catch {
    return undefined;
  } finally {
    await handle.close();
  }
}

/**
 * @param observed somebody wants to look on
 * @throws TrackerError MODEL_MISSING, MODEL_INVALID, RUNTIME_UNAVAILABLE, CONFIG_INVALID
 */
export async function openPublishedGroup(
  file: string,
  config: TrackerConfig,
  observed: boolean,
): Promise<PublishedGroup> {
  checkConfig(file, config);
  if (observed) {
    throw new TrackerError('OPTION_INVALID', `tracker ${file}: an imported tracker has no posterior to look at`, {
      hint: 'leave --debug out, or track with a head of this project',
    });
  }
  const bytes = await readFile(file).catch((cause: unknown) => {
    throw new TrackerError('MODEL_MISSING', `tracker ${file}: cannot be read (${messageOf(cause)})`, {
      hint: 'check --head; ebm-tracker import CHECKPOINT --out FILE makes one',
      cause,
    });
  });
  return PublishedGroup.open(parsePublished(bytes, file), sha256Of(bytes), config);
}

/** Settings of our own method, which an imported tracker does not have. */
const OWN = ['preset', 'engine', 'precision', 'joined', 'search', 'posterior', 'target', 'redetect', 'lanes'] as const;

function checkConfig(file: string, config: TrackerConfig): void {
  const usual = parseConfig({}, config.threads);
  const changed = OWN.filter((name) => JSON.stringify(config[name]) !== JSON.stringify(usual[name]));
  if (changed.length === 0) return;
  throw new TrackerError(
    'CONFIG_INVALID',
    `tracker ${file}: an imported tracker follows its own rules, found settings of ours: ${changed.join(', ')}`,
    { hint: 'leave them out; threads, provider, seed and "published" count' },
  );
}

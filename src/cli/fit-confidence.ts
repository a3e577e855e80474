/** evaluate --fit-confidence: the confidence of an imported tracker, fitted to its results. */
import { TrackerError } from '../errors.js';
import { fitConfidence } from '../evaluation/fit-confidence.js';
import type { ScoredSequence } from '../evaluation/types.js';
import { publishedFileOf } from '../node/open.js';
import { resolveHead } from './options.js';

/**
 * @param out the file to write. @returns the file that it is to be a copy of
 * @throws TrackerError OPTION_INVALID where --head is no imported tracker, or the name is no weight file's
 */
export async function checkFit(head: string | undefined, out: string): Promise<string> {
  const file = head === undefined ? undefined : await publishedFileOf({ head: await resolveHead(head) });
  if (file === undefined) {
    const found = head === undefined ? 'no --head' : `--head ${head}`;
    throw new TrackerError('OPTION_INVALID', `--fit-confidence: found ${found}, expected an imported tracker`, {
      hint: 'ebm-tracker import CHECKPOINT --out NAME makes one; the heads of this project have their confidence fitted',
    });
  }
  if (out.endsWith('.safetensors')) return file;
  throw new TrackerError('OPTION_INVALID', `--fit-confidence ${out}: expected a name that ends in .safetensors`, {
    hint: 'for example --fit-confidence fitted.safetensors',
  });
}

/** Fits, writes, and says how good it is. @throws TrackerError those of checkFit() and fitConfidence() */
export async function fitImported(
  head: string | undefined,
  out: string,
  scored: readonly ScoredSequence[],
): Promise<string> {
  const { frames, before, after, areaUnderRoc } = await fitConfidence(await checkFit(head, out), scored, out);
  const errors = `expected calibration error ${before.toFixed(3)} before, ${after.toFixed(3)} after, on the same frames`;
  return `confidence fitted to ${frames} frames: ${errors}; area under ROC ${areaUnderRoc.toFixed(3)}\nwrote ${out}\n`;
}

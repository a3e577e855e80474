/** A head, ready to track with: from the manifest or from a weight file. */
import { invalidHead, loadHead, type LoadedHead } from '../ebm/load.js';
import type { Manifest } from '../features/manifest.js';
import { TARGET_CHANNELS, TARGET_WINDOW } from '../target/classifier.js';
import { CONFIDENCE_INPUTS } from './confidence.js';

/**
 * @param name a weight file (it ends in .safetensors), or a head of the manifest; left out: its default
 * @throws TrackerError MODEL_MISSING, MODEL_INVALID
 */
export async function openHead(manifest: Manifest, name?: string): Promise<LoadedHead> {
  const head = await loadHead(manifest, name, async (model, graph) => {
    // loaded here only: a head of the manifest has its graphs
    const { compileGraph } = await import('./compile.js');
    return compileGraph(model, graph);
  });
  checkForTracker(head, name ?? 'default');
  return head;
}

/** What the tracker around the head has to fit. */
function checkForTracker({ target, confidence }: LoadedHead, where: string): void {
  if (target && (target.channels !== TARGET_CHANNELS || target.window !== TARGET_WINDOW)) {
    const found = `${target.channels} channels and windows of ${target.window}`;
    throw invalidHead(where, `target model of ${found}, expected ${TARGET_CHANNELS} and ${TARGET_WINDOW}`);
  }
  // fewer: fitted before there were so many inputs, of which the last ones do not count then
  const { length } = confidence.weights;
  if (length > CONFIDENCE_INPUTS)
    throw invalidHead(where, `confidence of ${length} weights, expected ${CONFIDENCE_INPUTS} at most`);
}

/**
 * Scores the tracker on sequences of your own: ROOT/NAME/groundtruth.txt (x,y,w,h a line) beside ROOT/NAME/video.mp4 or ROOT/NAME/img/.
 * Ctrl-C ends it; the same command goes on with what is missing.
 *
 *   npx tsx examples/evaluate-folder.ts ROOT [OUT]
 */
import { evaluate, TrackerError } from 'ebm-tracker';

const [root = 'sequences', out = 'results'] = process.argv.slice(2);
const controller = new AbortController();
process.once('SIGINT', () => controller.abort());

try {
  const { runs, failed } = await evaluate({ dataset: 'folder', root, out, signal: controller.signal });
  for (const { folder, score } of runs) {
    for (const { name, metrics } of score.sequences) console.log(`${name}: AUC ${metrics['auc']!.toFixed(3)}`);
    console.log(`mean AUC ${score.metrics['auc']!.toFixed(3)}, results in ${folder}`);
  }
  for (const { sequence, message, hint } of failed) console.error(`${sequence}: ${message}; ${hint}`);
} catch (error) {
  if (!(error instanceof TrackerError)) throw error;
  console.error(`${error.code}: ${error.message}\n${error.hint}`);
  process.exitCode = error.exitCode;
}

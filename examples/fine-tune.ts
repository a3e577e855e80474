/**
 * Fits the head to a video of your own and tracks with it, if held-out frames gain by it. Ctrl-C ends it; the same command goes on.
 *
 *   npx tsx examples/fine-tune.ts VIDEO TRUTH.txt OUT.safetensors [STEPS]      TRUTH.txt: x,y,w,h a line
 */
import { createTracker, finetune, TrackerError } from 'ebm-tracker';

const [data = 'clip.mp4', truth = 'clip.txt', out = 'my-head.safetensors', steps = '300'] = process.argv.slice(2);
const controller = new AbortController();
process.once('SIGINT', () => controller.abort());

try {
  const { before, after, best } = await finetune({
    data,
    truth,
    out,
    steps: Number(steps),
    crops: Math.max(12, 8 * Number(steps)),
    skipBad: true,
    say: (text) => console.error(text),
    signal: controller.signal,
  });
  console.log(`IoU on held-out frames ${before['iou']!.toFixed(3)} -> ${after['iou']!.toFixed(3)} at step ${best}`);
  const tracker = await createTracker({ head: out });
  console.log(`weights ${tracker.description.weights.slice(0, 12)}`);
  await tracker.release();
} catch (error) {
  if (!(error instanceof TrackerError)) throw error;
  console.log(`${error.code}: ${error.message}\n${error.hint}`);
  process.exitCode = error.code === 'NOT_IMPROVED' ? 0 : error.exitCode; // the weights that ship are the better ones
}

/**
 * Success of the tracker over a folder of sequences: one pass from the first box, 21 thresholds, strict >, frames without truth left out.
 *
 *   npm run bench -- val --root DIR [--split val] [--seeds 11,12,13] [--config JSON] [--oracle NAME] [--boxes DIR] [--out FILE.json]
 *
 * An oracle tells the tracker a part of the truth after each frame: what the score gains is what that part costs (ORACLES).
 *
 * DIR holds SPLIT/NAME/video.mp4 and groundtruth.txt. Sequences run in child processes of one thread each.
 */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { Command, Option } from 'commander';
import type { TrackerOptions } from '../../src/config.js';
import { meanOf, successCurve, valueAt } from '../../src/evaluation/curves.js';
import { readRows } from '../../src/io/number-rows.js';
import { intersectionOverUnion, type FrameBox } from '../../src/geometry.js';
import { createTracker } from '../../src/node/open.js';
import { readSequences, type Sequence } from '../../src/datasets/footage.js';
import { openVideo } from '../../src/video/read.js';
import { originOf } from '../record.js';
import { isWorker, runJobs, serveJobs } from '../workers.js';

export interface SequenceScore {
  readonly sequence: string;
  /** Data set and source of the sequence, as far as its meta.json names them. */
  readonly origin?: string;
  readonly group?: string;
  readonly seed: number;
  readonly frames: number;
  readonly auc: number;
  readonly op50: number;
  readonly op75: number;
  readonly msPerFrame: number;
  /** Frames on which the oracle moved the box. */
  readonly moved: number;
  /** Inputs of the confidence, the confidence, and the overlap of each frame with truth; with --figures. */
  readonly figures?: readonly (readonly number[])[];
  readonly boxes?: readonly (readonly number[])[];
}

/** What an oracle makes of the tracker's box. */
const ORACLES = {
  none: (box: FrameBox) => box,
  /** True centre, size of the tracker. */
  centre: (box: FrameBox, truth: FrameBox) => withSize(truth, box),
  /** True size, centre of the tracker. */
  size: (box: FrameBox, truth: FrameBox) => withSize(box, truth),
  /** A perfect box head: the true box where the tracker's one overlaps it by a third. */
  'box-head': (box: FrameBox, truth: FrameBox) => (intersectionOverUnion(box, truth) > 1 / 3 ? truth : box),
  /** A perfect target model: the true centre where the tracker's one is off by more than half the object. */
  classifier: (box: FrameBox, truth: FrameBox) => (isOff(box, truth) ? withSize(truth, box) : box),
  /** Set on the object again where it has lost it; the frame of the loss counts as lost. */
  restart: (box: FrameBox, truth: FrameBox) => (intersectionOverUnion(box, truth) === 0 ? truth : box),
} satisfies Record<string, (box: FrameBox, truth: FrameBox) => FrameBox>;
type Oracle = keyof typeof ORACLES;

function withSize(place: FrameBox, { w, h }: FrameBox): FrameBox {
  return { x: place.x + (place.w - w) / 2, y: place.y + (place.h - h) / 2, w, h };
}

function isOff(box: FrameBox, truth: FrameBox): boolean {
  const dx = box.x + box.w / 2 - truth.x - truth.w / 2;
  const dy = box.y + box.h / 2 - truth.y - truth.h / 2;
  return Math.abs(dx) > truth.w / 2 || Math.abs(dy) > truth.h / 2;
}

interface Job {
  readonly sequence: Sequence;
  readonly seed: number;
  readonly config: TrackerOptions;
  readonly oracle: Oracle;
  readonly figures: boolean;
}

async function runSequence({ sequence, seed, config, oracle, figures }: Job): Promise<SequenceScore> {
  const tracker = await createTracker({ ...config, seed, threads: 1 });
  const overlaps: number[] = [];
  const rows: number[][] = [];
  const boxes: number[][] = [];
  let spent = 0;
  let moved = 0;
  for await (const frame of (await openVideo(sequence.video)).frames()) {
    if (frame.index >= sequence.boxes.length) break;
    const truth = sequence.boxes[frame.index];
    const started = performance.now();
    const result = frame.index === 0 ? await tracker.init(frame, sequence.boxes[0]!) : await tracker.update(frame);
    if (frame.index > 0) spent += performance.now() - started;
    // the first frame is the given box itself, whatever was clipped of it
    const own: FrameBox = frame.index === 0 ? sequence.boxes[0]! : result.box;
    const told = truth && frame.index > 0 ? ORACLES[oracle](own, truth) : own;
    if (told !== own) {
      await tracker.moveTo(frame, told);
      moved++;
    }
    const box = oracle === 'restart' ? own : told;
    const overlap = truth ? intersectionOverUnion(box, truth) : 0;
    if (truth) overlaps.push(overlap);
    boxes.push([box.x, box.y, box.w, box.h].map((value) => Math.round(100 * value) / 100));
    const view = tracker.inspect();
    if (view) rows.push([...view.inputs, result.confidence, overlap]);
  }
  await tracker.release();
  const score = {
    ...scoreOf(sequence, overlaps),
    seed,
    frames: boxes.length,
    msPerFrame: spent / Math.max(1, boxes.length - 1),
    moved,
  };
  return figures ? { ...score, figures: rows, boxes } : score;
}

/** Figures of a sequence, and where it comes from. */
function scoreOf({ name, origin, group }: Sequence, overlaps: readonly number[]) {
  const success = successCurve(overlaps);
  return {
    sequence: name,
    ...(origin === undefined ? {} : { origin }),
    ...(group === undefined ? {} : { group }),
    auc: meanOf(success.values),
    op50: valueAt(success, 0.5),
    op75: valueAt(success, 0.75),
  };
}

/** Score of another tracker's boxes: NAME.txt of a folder, one x,y,w,h a frame. */
async function scoreBoxes(sequence: Sequence, folder: string): Promise<SequenceScore> {
  const { rows } = await readRows(path.join(folder, `${sequence.name}.txt`), [4]);
  const overlaps = sequence.boxes.flatMap((truth, i) => {
    const [x, y, w, h] = rows.subarray(4 * i, 4 * i + 4);
    // rows that are missing or no numbers overlap with nothing
    const overlap = truth ? intersectionOverUnion({ x: x!, y: y!, w: w!, h: h! }, truth) : 0;
    return truth ? [Number.isFinite(overlap) ? overlap : 0] : [];
  });
  return { ...scoreOf(sequence, overlaps), seed: 0, frames: rows.length / 4, msPerFrame: 0, moved: 0 };
}

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

if (isWorker()) {
  serveJobs(runSequence);
} else {
  const options = new Command()
    .requiredOption('--root <dir>', 'folder of the splits')
    .option('--split <name>', 'val or train', 'val')
    .option('--seeds <list>', 'tracker seeds', '11')
    .option('--config <json>', 'tracker options', '{}')
    .addOption(
      new Option('--oracle <name>', 'part of the truth that is told').choices(Object.keys(ORACLES)).default('none'),
    )
    .option('--boxes <dir>', "NAME.txt of another tracker's boxes, x,y,w,h a line, which are scored in place of ours")
    .option('--only <list>', 'names of sequences')
    .option('--every <n>', 'only each n-th sequence', Number, 1)
    .option('--workers <n>', 'child processes', Number, 2)
    .option('--figures', 'keeps the figures of each frame in the result file')
    .option('--out <file>', 'result file (JSON)')
    .parse()
    .opts<{
      root: string;
      split: string;
      seeds: string;
      config: string;
      oracle: Oracle;
      boxes?: string;
      only?: string;
      every: number;
      workers: number;
      figures?: true;
      out?: string;
    }>();
  const config = JSON.parse(options.config) as TrackerOptions;
  const names = options.only?.split(',');
  const sequences = (await readSequences(path.join(options.root, options.split))).filter(
    (sequence, index) => index % options.every === 0 && (!names || names.includes(sequence.name)),
  );
  const seeds = options.boxes === undefined ? options.seeds.split(',').map(Number) : [0];
  const jobs = sequences.flatMap((sequence) =>
    seeds.map((seed) => ({ sequence, seed, config, oracle: options.oracle, figures: options.figures === true })),
  );
  const scores: SequenceScore[] = [];
  const started = Date.now();
  const longestFirst = jobs.toSorted((a, b) => b.sequence.boxes.length - a.sequence.boxes.length);
  if (options.boxes !== undefined)
    for (const sequence of sequences) scores.push(await scoreBoxes(sequence, options.boxes));
  else
    await runJobs<Job, SequenceScore>(longestFirst, options.workers, (score, left) => {
      scores.push(score);
      const eta = ((Date.now() - started) / scores.length) * left;
      console.error(
        `${score.sequence.padEnd(26)} seed ${score.seed} AUC ${score.auc.toFixed(3)}  ${score.msPerFrame.toFixed(0)} ms  ETA ${Math.round(eta / 1000)} s`,
      );
    });
  console.log(`${'sequence'.padEnd(26)} frames   AUC  OP50  OP75`);
  for (const { name } of sequences) {
    const own = scores.filter((score) => score.sequence === name);
    const row = (['auc', 'op50', 'op75'] as const).map((key) => mean(own.map((score) => score[key])).toFixed(3));
    console.log(`${name.padEnd(26)} ${String(own[0]!.frames).padStart(6)} ${row.join(' ')}`);
  }
  const total = (['auc', 'op50', 'op75'] as const).map((key) => mean(scores.map((score) => score[key])).toFixed(4));
  const perSeed = seeds.map((seed) =>
    mean(scores.filter((score) => score.seed === seed).map((score) => score.auc)).toFixed(4),
  );
  console.log(
    `MEAN over ${sequences.length} ${options.split} sequences, seeds ${options.seeds}: AUC ${total[0]} OP50 ${total[1]} OP75 ${total[2]}; by seed ${perSeed.join(' ')}`,
  );
  if (options.oracle !== 'none') {
    const moved = scores.reduce((sum, score) => sum + score.moved, 0);
    console.log(`oracle ${options.oracle}: moved the box on ${moved} frames`);
  }
  console.log(`${mean(scores.map((score) => score.msPerFrame)).toFixed(1)} ms a frame on one thread`);
  if (options.out) {
    const record = {
      ...originOf('val', config),
      split: options.split,
      seeds,
      oracle: options.oracle,
      mean: { auc: Number(total[0]), op50: Number(total[1]), op75: Number(total[2]) },
      scores: scores.toSorted((a, b) => a.sequence.localeCompare(b.sequence) || a.seed - b.seed),
    };
    writeFileSync(options.out, `${JSON.stringify(record, undefined, 1)}\n`);
  }
}

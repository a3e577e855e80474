/** The first frame: what is known of an object when its box has been given. */
import type { TrackerConfig } from '../config.js';
import { makeTemplate, type HeadModel } from '../ebm/head.js';
import { frameToCrop, searchRegion, type FrameBox, type SearchRegion } from '../geometry.js';
import type { Frame } from '../image/frame.js';
import { createRandom } from '../random.js';
import type { FirstSample, TargetLearner } from '../target/classifier.js';
import { createColourModel } from '../target/colour.js';
import type { Cropper } from './look.js';
import { AT_REST } from './motion.js';
import type { Networks } from './networks.js';
import type { ObjectState, Track } from './track.js';

/** Shifts of further crops of the first frame, in sides of the search region: the target model learns from them too. */
const SHIFTS = [
  [-0.3, -0.3],
  [0.3, 0.3],
  [-0.3, 0.3],
  [0.3, -0.3],
  [0.12, 0],
  [-0.12, 0],
  [0, 0.12],
  [0, -0.12],
] as const;

/** The parts that begin() uses. */
export interface Beginning {
  readonly config: Pick<TrackerConfig, 'search' | 'seed'>;
  readonly model: HeadModel;
  readonly cropper: Cropper;
  readonly networks: Pick<Networks, 'begin'>;
  readonly learner: Pick<TargetLearner, 'begin'>;
}

/** @param box one that checkFirstBox() has accepted */
export async function begin(
  { config, model, cropper, networks, learner }: Beginning,
  frame: Frame,
  box: FrameBox,
): Promise<Track> {
  const random = createRandom(config.seed);
  const region = searchRegion(box, config.search.factor, model.geometry.cropSize);
  const place = frameToCrop(box, region);
  // the plain crop: template, colours, and the target model's first sample
  const crop = cropper.crop(frame, [region]);
  const colours = createColourModel(cropper.coloursOf(crop, 0), place);
  const { coarse, embedding } = await networks.begin(crop);
  const template = makeTemplate(model, embedding, place);
  const samples: FirstSample[] = [{ coarse, box: place }];
  // the same object elsewhere in the crop, and mirrored
  for (const shifted of shiftedRegions(region)) {
    const maps = await networks.begin(cropper.crop(frame, [shifted]));
    samples.push({ coarse: maps.coarse, box: frameToCrop(box, shifted) });
  }
  const mirrored = await networks.begin(cropper.cropMirrored(frame, region));
  samples.push({ coarse: mirrored.coarse, box: place });
  const targetModel = await learner.begin(samples, random);
  return { template, targetModel, colours, random: random.state(), object: objectAt(box) };
}

function shiftedRegions(region: SearchRegion): SearchRegion[] {
  return SHIFTS.map(([dx, dy]) => ({ ...region, cx: region.cx + dx * region.side, cy: region.cy + dy * region.side }));
}

/** An object that is surely in the box. */
function objectAt(box: FrameBox): ObjectState {
  const unknown = { inputs: undefined, firstHeight: undefined };
  return { box, frame: 0, state: 'tracking', confidence: 1, lostFor: 0, velocity: AT_REST, ...unknown };
}

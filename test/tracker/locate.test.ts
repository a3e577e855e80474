/** locate() without networks: the energy is a function of the box in closed form. */
import { describe, expect, it } from 'vitest';
import { PROPOSAL_OUTPUTS, type HeadEngine, type Template } from '../../src/ebm/head.js';
import { placePrior } from '../../src/ebm/posterior.js';
import { logSumExp } from '../../src/ebm/proposal.js';
import { cropBox, frameToCrop, searchRegion, toRelative, type CropBox, type FrameBox } from '../../src/geometry.js';
import { parseConfig } from '../../src/node/open.js';
import { createRandom } from '../../src/random.js';
import type { TargetModel } from '../../src/target/classifier.js';
import { createColourModel, type ColourGrid } from '../../src/target/colour.js';
import { locate, shapeProposal } from '../../src/tracker/locate.js';
import type { Sight } from '../../src/tracker/look.js';

/** So many samples that chance does not count. */
const CONFIG = parseConfig({ posterior: { colour: 0, candidates: 512, refined: 256, settled: 64 } });
const AXIS = { cells: 18, stride: 16, offset: 7 };
const LAST: FrameBox = { x: 100, y: 80, w: 48, h: 36 };
const REGION = searchRegion(LAST, 4.4, 288);
const BASE = frameToCrop(LAST, REGION);
const NOTHING = new Float32Array(0);
const GREY: ColourGrid = { colours: new Uint16Array(72 * 72), side: 72 };

/** An energy that is highest at `truth`, a Gaussian in relative boxes. */
function energyAbout(truth: CropBox, sigma = 0.05): Pick<HeadEngine, 'energy'> {
  return {
    energy: async (_embedding, _template, boxes) =>
      Float32Array.from({ length: boxes.length / 4 }, (_, n) => {
        const [cx, cy, w, h] = boxes.subarray(4 * n, 4 * n + 4) as unknown as [number, number, number, number];
        const y = toRelative(cropBox(cx, cy, w, h), truth);
        return 20 - y.reduce((sum, value) => sum + (value / sigma) ** 2, 0);
      }),
  };
}

/** A target model that says nothing, or that responds about a place. */
function scoresAbout(place?: CropBox): Float32Array {
  const at = (cell: number, centre: number): number =>
    Math.exp(-0.5 * ((AXIS.stride * cell + AXIS.offset - centre) / 20) ** 2);
  return Float32Array.from({ length: AXIS.cells ** 2 }, (_, i) =>
    place ? at(i % AXIS.cells, place.cx) * at(Math.floor(i / AXIS.cells), place.cy) : 0,
  );
}

const sight = (place?: CropBox): Sight => ({
  embedding: { fine: NOTHING, coarse: NOTHING },
  scores: scoresAbout(place),
  reduced: NOTHING,
  proposal: new Float32Array(AXIS.cells ** 2 * PROPOSAL_OUTPUTS),
  grid: GREY,
});

const track = {
  template: {} as Template,
  targetModel: { peak: 1 } as TargetModel,
  colours: createColourModel(GREY, BASE),
};

const shifted = (dx: number, dy: number, scale = 1): CropBox =>
  cropBox(BASE.cx + dx * BASE.w, BASE.cy + dy * BASE.h, BASE.w * scale, BASE.h * scale);

describe('locate', () => {
  it.each([
    ['where it was', shifted(0, 0)],
    ['a third of its size to the right, and larger', shifted(0.33, 0, 1.06)],
    ['up and left, and smaller', shifted(-0.2, -0.25, 0.95)],
  ])('finds the box that energy and response speak for: %s', async (_, truth) => {
    const at = { about: LAST, elsewhere: false, region: REGION };
    const found = await locate(track, at, sight(truth), energyAbout(truth), AXIS, CONFIG, createRandom(3));
    expect(found.base).toEqual(BASE);
    const miss = toRelative(found.box, truth);
    for (const value of miss) expect(Math.abs(value)).toBeLessThan(0.05);
    expect(found.response.scores).toHaveLength(AXIS.cells ** 2);
  });

  it('the same random numbers give the same box, others another one', async () => {
    const truth = shifted(0.1, 0.05);
    const at = { about: LAST, elsewhere: false, region: REGION };
    const run = (seed: number) => locate(track, at, sight(truth), energyAbout(truth), AXIS, CONFIG, createRandom(seed));
    const [a, b, c] = [await run(3), await run(3), await run(4)];
    expect(b.box).toEqual(a.box);
    expect(c.box).not.toEqual(a.box);
  });

  it('elsewhere the motion prior is wide: what is far from the middle is found', async () => {
    const truth = shifted(1.4, -1.2);
    // the response alone must not decide
    const config = { ...CONFIG, posterior: { ...CONFIG.posterior, response: 0.5, candidates: 2000 } };
    const about = { about: LAST, region: REGION };
    const energy = energyAbout(truth, 0.3);
    const look = (elsewhere: boolean) =>
      locate(track, { ...about, elsewhere }, sight(), energy, AXIS, config, createRandom(5));
    const [near, far] = [await look(false), await look(true)];
    const value = ({ estimate }: typeof near): number => estimate.best;
    expect(value(far)).toBeGreaterThan(value(near));
    expect(Math.abs(toRelative(far.box, truth)[0])).toBeLessThan(0.15);
  });
});

describe('shapeProposal', () => {
  const raw = new Float32Array(AXIS.cells ** 2 * PROPOSAL_OUTPUTS);

  it('has its mass where the response is, as often with the sizes of the prior as with the learned ones', () => {
    const place = shifted(0.5, 0.5);
    const response = { scores: scoresAbout(place), axis: AXIS };
    const { logits, means, logSigmas } = shapeProposal(raw, BASE, response, [], CONFIG.posterior);
    const cells = AXIS.cells ** 2;
    expect(logits).toHaveLength(2 * cells);
    expect(logSumExp(logits.subarray(0, cells))).toBeCloseTo(logSumExp(logits.subarray(cells)), 4);
    const best = logits.indexOf(logits.reduce((a, b) => Math.max(a, b)));
    expect(Math.abs(means[4 * best]! - 0.5)).toBeLessThan(AXIS.stride / BASE.w);
    expect(Math.abs(means[4 * best + 1]! - 0.5)).toBeLessThan(AXIS.stride / BASE.h);
    expect(logSigmas[4 * cells + 2]).toBeCloseTo(Math.log(CONFIG.posterior.size), 6);
    expect(Math.max(...logSigmas)).toBeLessThanOrEqual(Math.fround(CONFIG.posterior.proposalMaxLogSigma));
  });

  it('takes terms of the place into its logits', () => {
    const response = { scores: scoresAbout(), axis: AXIS };
    const prior = placePrior(BASE, 0.35, 4);
    const { logits, means } = shapeProposal(raw, BASE, response, [prior], CONFIG.posterior);
    const [a, b] = [9 * AXIS.cells + 9, 2 * AXIS.cells + 3];
    const difference = prior(means.subarray(4 * a, 4 * a + 4), 0) - prior(means.subarray(4 * b, 4 * b + 4), 0);
    expect(logits[a]! - logits[b]!).toBeCloseTo(difference, 3);
  });
});

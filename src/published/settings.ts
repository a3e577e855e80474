/**
 * Settings of the filter optimiser. They are not in the weights, but in the arguments that the network was built with. One that is missing has
 * the value that the network's code gives it, which is not always the published one.
 */
import { z } from 'zod';
import type { Pickled, PickledDict } from '../io/pickle.js';
import { FILTER_SIDE, type Family } from './architecture.js';

const positive = z.number().positive().max(1000);
const share = z.number().min(0).max(1);

/** The learned label, mask and weight are tables over the distance to the target, `bin` cells from one entry to the next. */
const dimpSchema = z.strictObject({ family: z.literal('dimp'), bin: positive, leastRegularisation: share });
const prdimpSchema = z.strictObject({
  family: z.literal('prdimp'),
  /** Deviation of the label, cells. */
  sigma: positive,
  leastRegularisation: share,
  /** Added to the regularisation in the length of a step. */
  alpha: share,
  /** True if the label is scaled to the sum 1. */
  normalised: z.boolean(),
});
const simpleSchema = z.strictObject({
  family: z.literal('simple'),
  /** Below this label only scores above 0 count. */
  hinge: share,
  /** How much the others count there. */
  leak: share,
});

export const filterSchema = z.discriminatedUnion('family', [dimpSchema, prdimpSchema, simpleSchema]);
export type FilterSettings = z.infer<typeof filterSchema>;

/** The published trackers' own. */
export const PUBLISHED_FILTERS: Readonly<Record<Family, FilterSettings>> = {
  dimp: { family: 'dimp', bin: 0.1, leastRegularisation: 1e-3 },
  prdimp: { family: 'prdimp', sigma: 0.9, leastRegularisation: 0.05, alpha: 0.05, normalised: true },
  simple: { family: 'simple', hinge: 0.05, leak: 0.1 },
};

/** Arguments that have to have one value, which is also theirs where they are missing unless another one is given here. */
const REQUIRED: readonly (readonly [name: string, value: Pickled, missing?: Pickled])[] = [
  ['filter_size', FILTER_SIDE, 1],
  ['feat_stride', 16],
  ['clf_feat_norm', true],
  ['final_conv', true],
  ['init_filter_norm', false],
];
const REQUIRED_OF: Readonly<Record<Family, typeof REQUIRED>> = {
  dimp: [
    ['target_mask_act', 'sigmoid'],
    ['score_act', 'relu'],
  ],
  prdimp: [
    ['init_uni_weight', null],
    ['label_shrink', 0],
    ['softmax_reg', null],
    ['label_threshold', 0],
  ],
  simple: [['score_act', 'relu']],
};

/**
 * @param kwds the arguments, or undefined where the file does not have them: the published values then
 * @param fail told of an argument that makes it another network
 */
export function filterSettings(
  family: Family,
  kwds: PickledDict | undefined,
  fail: (why: string) => never,
): FilterSettings {
  if (!kwds) return PUBLISHED_FILTERS[family];
  for (const [name, value, missing = value] of [...REQUIRED, ...REQUIRED_OF[family]]) {
    const found = kwds.has(name) ? kwds.get(name)! : missing;
    // nothing and 0 mean the same: left out
    if (found !== value && !(found === null && value === 0) && !(found === 0 && value === null))
      fail(`it was built with ${name} = ${textOf(found)}, expected ${textOf(value)}`);
  }
  const parsed = filterSchema.safeParse({ family, ...argumentsOf(family, kwds) });
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  return fail(`the arguments that it was built with: ${issue?.path.join('.')}: ${issue?.message}`);
}

function argumentsOf(family: Family, kwds: PickledDict): Record<string, unknown> {
  const value = (name: string, missing: Pickled): unknown => (kwds.has(name) ? kwds.get(name) : missing);
  switch (family) {
    case 'dimp':
      return { bin: value('bin_displacement', 1), leastRegularisation: 1e-3 };
    case 'prdimp':
      return {
        sigma: value('gauss_sigma', 1),
        leastRegularisation: value('optim_min_reg', 1e-3),
        alpha: value('alpha_eps', 0),
        normalised: value('normalize_label', false),
      };
    case 'simple':
      return { hinge: value('hinge_threshold', 0.05), leak: value('activation_leak', 0) };
  }
}

function textOf(value: Pickled): string {
  return typeof value === 'object' && value !== null ? 'something else' : String(value);
}

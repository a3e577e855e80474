/** First weights of a new head. */
import { DEFAULT_HEAD, headShapes, type HeadConfig, type HeadModel, type Weight, type Weights } from '../ebm/head.js';
import type { Random } from '../random.js';

/** Some layers start small, so that training starts from m = 1, f = 0 and a proposal centred on its cells. */
const START_SCALE: Readonly<Record<string, number>> = {
  'modulation.1.kernel': 0.3,
  'energy.output.kernel': 0.1,
  'proposal.output.kernel': 0,
};
/** The proposal's first log sigma. */
const FIRST_LOG_SIGMA = -1.5;

/** Uniform, variance 1 / (3 fan-in) (torch's default for dense and convolution layers); biases 0, norms 1. */
export function initialiseHead(config: HeadConfig, random: Random): Weights {
  const entries = Object.entries(headShapes(config)).map(([name, shape]): [string, Weight] => {
    const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
    if (name.endsWith('.gamma')) data.fill(1);
    if (name.endsWith('.kernel')) {
      const limit = (START_SCALE[name] ?? 1) / Math.sqrt(data.length / shape.at(-1)!);
      for (let i = 0; i < data.length; i++) data[i] = limit * (2 * random.uniform() - 1);
    }
    if (name === 'proposal.output.bias') data.fill(FIRST_LOG_SIGMA, 5);
    return [name, { shape, data }];
  });
  return Object.fromEntries(entries);
}

/**
 * The head with both branches that heads of before lack. They count for nothing at first: it scores boxes as it did.
 * @returns config and weights; those given where it has one of the branches
 */
export function withBranches({ config, weights }: HeadModel, random: Random): Pick<HeadModel, 'config' | 'weights'> {
  if (config.recent > 0 || config.context > 0) return { config, weights };
  const extended = { ...config, recent: DEFAULT_HEAD.recent, context: DEFAULT_HEAD.context };
  const fresh = initialiseHead(extended, random);
  const { shape } = fresh['energy.hidden.kernel']!;
  const data = new Float32Array(shape.reduce((a, b) => a * b));
  data.set(weights['energy.hidden.kernel']!.data); // the rows of the new branches come last
  return { config: extended, weights: { ...fresh, ...weights, 'energy.hidden.kernel': { shape, data } } };
}

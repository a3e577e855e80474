/**
 * The one table of the 1-D experiments: a row is a training method with its settings on each data set (Gustafsson et al. 2020, supplement,
 * and the authors' code; 2022 for the learned proposals). An ablation is a row here, never a copy of a script.
 */

export const DATA_SETS = [1, 2] as const;
export type DataSetId = (typeof DATA_SETS)[number];

/** One value for each data set. */
type PerSet = Readonly<Record<DataSetId, number>>;

export type Method =
  /** Proposal about the annotation: an even mixture of Gaussians with these deviations. */
  | { readonly objective: 'ml-is'; readonly sigmas: readonly number[] }
  | { readonly objective: 'kld-is'; readonly sigmas: readonly number[]; readonly labelSigma: number }
  /** Label noise: the deviations of the proposal times beta; 0 is NCE, more is NCE+. */
  | { readonly objective: 'nce'; readonly sigmas: readonly number[]; readonly beta: number }
  | { readonly objective: 'ml-mcmc'; readonly steps: number; readonly alpha: PerSet }
  | { readonly objective: 'sm' }
  | { readonly objective: 'dsm'; readonly sigma: PerSet }
  /** Mixture density network of K Gaussians, by its likelihood alone. */
  | { readonly objective: 'mdn'; readonly components: number }
  /** Learned proposal: NCE of the energy and the divergence of the proposal, one backbone, which the energy alone trains. */
  | { readonly objective: 'joint'; readonly components: number }
  /** The same with a backbone each, and half of the proposal's loss by likelihood. */
  | { readonly objective: 'teacher'; readonly components: number };

/** tanh: the net of 2020, smooth in y, which score matching needs. relu: that of 2022. */
export type NetworkKind = 'tanh' | 'relu';

export interface Row {
  readonly name: string;
  readonly label: string;
  readonly network: NetworkKind;
  readonly method: Method;
  /** Part of the quick mode. */
  readonly quick: boolean;
}

const CLOSE = [0.1, 0.8] as const;
const WIDE = [0.2, 1.6] as const;

export const ROWS: readonly Row[] = [
  row('nce+', 'NCE+', 'tanh', { objective: 'nce', sigmas: CLOSE, beta: 0.025 }),
  row('nce', 'NCE', 'tanh', { objective: 'nce', sigmas: CLOSE, beta: 0 }),
  row('ml-is', 'ML-IS', 'tanh', { objective: 'ml-is', sigmas: WIDE }),
  row('kld-is', 'KLD-IS', 'tanh', { objective: 'kld-is', sigmas: WIDE, labelSigma: 0.025 }),
  row('dsm', 'DSM', 'tanh', { objective: 'dsm', sigma: { 1: 0.2, 2: 0.075 } }),
  row('sm', 'SM', 'tanh', { objective: 'sm' }),
  row('nce-relu', 'NCE, fixed proposal', 'relu', { objective: 'nce', sigmas: CLOSE, beta: 0 }),
  ...([4, 16, 1] as const).flatMap((components) => [
    row(
      `joint-${components}`,
      `joint, K = ${components}`,
      'relu',
      { objective: 'joint', components },
      components === 4,
    ),
    row(
      `mdn-${components}`,
      `MDN alone, K = ${components}`,
      'relu',
      { objective: 'mdn', components },
      components === 4,
    ),
    row(
      `teacher-${components}`,
      `teacher, K = ${components}`,
      'relu',
      { objective: 'teacher', components },
      components === 4,
    ),
  ]),
  row('ml-mcmc-16', 'ML-MCMC-16', 'tanh', { objective: 'ml-mcmc', steps: 16, alpha: { 1: 0.05, 2: 0.0125 } }),
];

function row(name: string, label: string, network: NetworkKind, method: Method, quick = true): Row {
  return { name, label, network, method, quick };
}

export interface RunSettings {
  /** Independent nets a row, and how many of them train as one batched net. */
  readonly seeds: number;
  readonly groupSize: number;
  readonly epochs: number;
  readonly batch: number;
  /** M of every objective with samples. */
  readonly samples: number;
  /** Langevin chains a pair: each costs 16 gradients. */
  readonly chains: number;
  readonly learningRate: number;
  /** Training pairs. */
  readonly pairs: number;
  /** Points an axis of the grid on which the KL divergence is summed. */
  readonly grid: number;
  readonly seed: number;
}

/** The authors' settings, but for `seeds` (20), and `chains` (as many as samples). */
export const FULL: RunSettings = {
  seeds: 10,
  groupSize: 10,
  epochs: 75,
  batch: 32,
  samples: 1024,
  chains: 64,
  learningRate: 1e-3,
  pairs: 2000,
  grid: 2048,
  seed: 1,
};

/** Shows that all of it works, and roughly the order. */
export const QUICK: RunSettings = {
  ...FULL,
  seeds: 3,
  groupSize: 3,
  epochs: 6,
  samples: 64,
  chains: 8,
  learningRate: 4e-3,
  grid: 512,
};

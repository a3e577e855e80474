/**
 * The one table of the image experiments: a row is a way to train, with its settings (Gustafsson et al., "Learning Proposals for Practical
 * Energy-Based Regression", 2022). An ablation is a row here, never a copy of a script.
 */
export type Method =
  /** Squared error; as a density: a Gaussian with the deviation of the residuals on the validation images. */
  | { readonly objective: 'l2' }
  /** Mixture density network of K Gaussians, by its likelihood alone. */
  | { readonly objective: 'mdn'; readonly components: number }
  /** The energy alone, NCE against the task's hand-made mixture about the annotation (the authors' "ebm"). */
  | { readonly objective: 'nce' }
  /** Energy and proposal on one backbone, which the energy alone trains: NCE + log Z^ (the authors' "ebmdn4"). */
  | { readonly objective: 'joint'; readonly components: number }
  /** The same with a backbone each, and half of the proposal's loss by likelihood (the authors' "ebmdn3"). */
  | { readonly objective: 'teacher'; readonly components: number };

export interface Row {
  readonly name: string;
  readonly label: string;
  readonly method: Method;
}

export const ROWS: readonly Row[] = [
  { name: 'l2', label: 'L2 regression', method: { objective: 'l2' } },
  { name: 'mdn', label: 'MDN, K = 4', method: { objective: 'mdn', components: 4 } },
  { name: 'nce', label: 'EBM, NCE, hand-made proposal', method: { objective: 'nce' } },
  { name: 'joint', label: 'EBM, NCE, learned proposal', method: { objective: 'joint', components: 4 } },
  { name: 'teacher', label: 'EBM as teacher of an MDN', method: { objective: 'teacher', components: 4 } },
];

export interface RunSettings {
  /** Images of each part. A folder of images is split by share instead, see loaders. */
  readonly train: number;
  readonly validation: number;
  readonly test: number;
  readonly dataSeed: number;
  readonly steps: number;
  readonly batch: number;
  /** M, samples of the proposal for each image. */
  readonly samples: number;
  readonly learningRate: number;
  readonly warmup: number;
  /** Nets a row: seeds 1 to this. */
  readonly seeds: number;
  /** Samples of the learned proposal for each test image. */
  readonly testSamples: number;
  /** Steps between checkpoints and between lines of progress. */
  readonly checkpointEvery: number;
  readonly reportEvery: number;
  readonly weightDecay: number;
  readonly maxNorm: number;
  readonly averageDecay: number;
}

/** What the committed table was made with. The paper has 10,000 images, 75 epochs (23,400 steps), M = 1024, 20 nets, an ImageNet ResNet-18. */
export const FULL: RunSettings = {
  train: 4000,
  validation: 400,
  test: 1000,
  dataSeed: 1,
  steps: 1000,
  batch: 32,
  samples: 128,
  learningRate: 2e-3,
  warmup: 30,
  seeds: 3,
  testSamples: 1024,
  checkpointEvery: 50,
  reportEvery: 50,
  weightDecay: 1e-4,
  maxNorm: 10,
  averageDecay: 0.98,
};

export const QUICK: RunSettings = {
  ...FULL,
  train: 1000,
  validation: 100,
  test: 200,
  steps: 250,
  samples: 64,
  seeds: 1,
};

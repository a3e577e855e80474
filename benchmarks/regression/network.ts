/**
 * The 1-D networks, S of them at once: every weight has a leading seed axis [S, out, in], so that one matMul serves all.
 *
 * A value is carried together with its derivatives by y (a jet: f, df/dy, d2f/dy2), layer by layer. The gradient of a loss on derivatives
 * (score matching) is then one ordinary reverse pass; nested gradients of tfjs are not needed.
 */
import type * as TF from '@tensorflow/tfjs-core';
import type { Weight, Weights } from '../../src/ebm/head.js';
import type { MixtureTensors } from '../../src/ebm/objectives/mixture-likelihood.js';
import type { Random } from '../../src/random.js';
import type { NetworkKind } from './settings.js';

/** Width of every hidden layer. */
const HIDDEN = 10;

export type Parameters = Readonly<Record<string, TF.Tensor3D>>;

/** A value and its derivatives by y, each [S, features, N]; as many as asked for. */
type Jet = readonly [TF.Tensor3D, ...TF.Tensor3D[]];

/** [out, in] of a layer, or without bias. */
interface Layer {
  readonly name: string;
  readonly outputs: number;
  readonly inputs: number;
  /** The inputs that count for the initial range, where it is a part of a layer. */
  readonly fanIn?: number;
  readonly bias: boolean;
}

const layer = (name: string, outputs: number, inputs: number): Layer => ({ name, outputs, inputs, bias: true });

function backboneLayers(prefix: string): Layer[] {
  return [layer(`${prefix}x1`, HIDDEN, 1), layer(`${prefix}x2`, HIDDEN, HIDDEN)];
}

function energyLayers(kind: NetworkKind): Layer[] {
  const middle = kind === 'tanh' ? ['residual1', 'residual2'] : ['y2', 'residual1'];
  return [
    ...backboneLayers('energy/'),
    layer('energy/y1', HIDDEN, 1),
    // The layer on [x features, y features] in two parts: that of x is the same for all y of a pair, and computed once.
    { ...layer('energy/joinX', HIDDEN, HIDDEN), fanIn: 2 * HIDDEN },
    { ...layer('energy/joinY', HIDDEN, HIDDEN), fanIn: 2 * HIDDEN, bias: false },
    ...middle.map((name) => layer(`energy/${name}`, HIDDEN, HIDDEN)),
    // No bias: a constant in f is no part of the density.
    { ...layer('energy/output', 1, HIDDEN), bias: false },
  ];
}

function mixtureLayers(components: number): Layer[] {
  return ['mean', 'logVariance', 'weight'].flatMap((name) => [
    layer(`proposal/${name}1`, HIDDEN, HIDDEN),
    layer(`proposal/${name}2`, components, HIDDEN),
  ]);
}

export interface Architecture {
  readonly kind: NetworkKind;
  readonly energy: boolean;
  /** Gaussians of the proposal, 0 for none. */
  readonly components: number;
  /** The proposal has a backbone of its own. */
  readonly ownBackbone: boolean;
}

/** New weights of S nets: uniform within 1 / sqrt(inputs), as PyTorch begins, which the authors used. */
export function createWeights(architecture: Architecture, seeds: number, random: Random): Weights {
  const { kind, energy, components, ownBackbone } = architecture;
  const layers = [
    ...(energy ? energyLayers(kind) : []),
    ...(ownBackbone ? backboneLayers('proposal/') : []),
    ...(components > 0 ? mixtureLayers(components) : []),
  ];
  const weights: Record<string, Weight> = {};
  for (const { name, outputs, inputs, fanIn, bias } of layers) {
    const range = 1 / Math.sqrt(fanIn ?? inputs);
    const draw = (size: number): Float32Array =>
      Float32Array.from({ length: size }, () => range * (2 * random.uniform() - 1));
    weights[`${name}.w`] = { shape: [seeds, outputs, inputs], data: draw(seeds * outputs * inputs) };
    if (bias) weights[`${name}.b`] = { shape: [seeds, outputs, 1], data: draw(seeds * outputs) };
  }
  return weights;
}

function linear(tf: typeof TF, W: Parameters, name: string, input: TF.Tensor3D): TF.Tensor3D {
  const product: TF.Tensor3D = tf.matMul(W[`${name}.w`]!, input);
  const bias = W[`${name}.b`];
  return bias ? tf.add(product, bias) : product;
}

/** Features of x. @param x [S, 1, B] @returns [S, HIDDEN, B] */
export function features(tf: typeof TF, W: Parameters, prefix: 'energy/' | 'proposal/', x: TF.Tensor3D): TF.Tensor3D {
  const first = tf.relu(linear(tf, W, `${prefix}x1`, x));
  return tf.relu(linear(tf, W, `${prefix}x2`, first));
}

function linearJet(tf: typeof TF, W: Parameters, name: string, [value, ...derivatives]: Jet): Jet {
  return [linear(tf, W, name, value), ...derivatives.map((d) => tf.matMul(W[`${name}.w`]!, d) as TF.Tensor3D)];
}

/** tanh(a): derivatives s a' and s (a'' - 2 t a'^2) with t = tanh a, s = 1 - t^2. */
function tanhJet(tf: typeof TF, [a, da, d2a]: Jet): Jet {
  const t = tf.tanh(a);
  if (!da) return [t];
  const s = tf.sub(1, tf.square(t)) as TF.Tensor3D;
  const dt = tf.mul(s, da) as TF.Tensor3D;
  if (!d2a) return [t, dt];
  return [t, dt, tf.mul(s, tf.sub(d2a, tf.mul(tf.mul(t, 2), tf.square(da))))];
}

/** max(a, 0), which is straight wherever it has derivatives. */
function reluJet(tf: typeof TF, [a, ...derivatives]: Jet): Jet {
  return [tf.relu(a), ...derivatives.map((d) => tf.mul(d, tf.step(a)) as TF.Tensor3D)];
}

function addJets(tf: typeof TF, a: Jet, b: Jet): Jet {
  const [value, ...derivatives] = a;
  return [tf.add(value, b[0]), ...derivatives.map((d, i) => tf.add(d, b[i + 1]!) as TF.Tensor3D)];
}

/** y itself as a jet: y, 1, 0. */
function inputJet(tf: typeof TF, y: TF.Tensor3D, order: number): Jet {
  return [y, ...[tf.onesLike(y), tf.zerosLike(y)].slice(0, order)];
}

/**
 * f(x, y) and its derivatives by y up to `order` (0, 1 or 2).
 * @param feature features of x: [S, HIDDEN, B]
 * @param y [S, B, M]
 * @returns order + 1 tensors [S * B, M]
 */
export function energyJet(
  tf: typeof TF,
  W: Parameters,
  kind: NetworkKind,
  feature: TF.Tensor3D,
  y: TF.Tensor3D,
  order: 0 | 1 | 2,
): TF.Tensor2D[] {
  const [seeds, pairs, count] = y.shape;
  const activation = kind === 'tanh' ? tanhJet : reluJet;
  const through = (name: string, jet: Jet): Jet => activation(tf, linearJet(tf, W, `energy/${name}`, jet));
  let jet = through('y1', inputJet(tf, tf.reshape(y, [seeds, 1, pairs * count]), order));
  if (kind === 'relu') jet = through('y2', jet);
  const [joined, ...derivatives] = linearJet(tf, W, 'energy/joinY', jet);
  const ofX = tf.expandDims(linear(tf, W, 'energy/joinX', feature), 3);
  const sum = tf.add(tf.reshape(joined, [seeds, HIDDEN, pairs, count]), ofX);
  jet = activation(tf, [tf.reshape(sum, joined.shape), ...derivatives]);
  for (const name of kind === 'tanh' ? ['residual1', 'residual2'] : ['residual1'])
    jet = addJets(tf, through(name, jet), jet);
  return linearJet(tf, W, 'energy/output', jet).map((part) => tf.reshape(part, [seeds * pairs, count]));
}

/** f(x, y), see energyJet: [S * B, M] */
export function energies(
  tf: typeof TF,
  W: Parameters,
  kind: NetworkKind,
  feature: TF.Tensor3D,
  y: TF.Tensor3D,
): TF.Tensor2D {
  return energyJet(tf, W, kind, feature, y, 0)[0]!;
}

/** The learned proposal at features of x, [S, HIDDEN, B]: three heads of two layers each. Rows are S * B, one dimension. */
export function mixtureOf(tf: typeof TF, W: Parameters, feature: TF.Tensor3D): MixtureTensors {
  const head = (name: string): TF.Tensor2D => {
    const output = linear(tf, W, `proposal/${name}2`, tf.relu(linear(tf, W, `proposal/${name}1`, feature)));
    const [seeds, components, pairs] = output.shape;
    return tf.reshape(tf.transpose(output, [0, 2, 1]), [seeds * pairs, components]);
  };
  return {
    logits: head('weight'),
    means: tf.expandDims(head('mean'), 2),
    logSigmas: tf.expandDims(tf.mul(head('logVariance'), 0.5) as TF.Tensor2D, 2),
  };
}

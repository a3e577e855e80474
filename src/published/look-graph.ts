/**
 * The networks' view of a crop, as one graph: the classifier's features, the scores of the filter on them, and the maps that boxes are pooled
 * from. On the first frame the maps of layer2 and layer3 too, which the box head's reference branch (modulate) takes.
 */
import { GraphBuilder } from '../io/onnx-graph.js';
import { BOX_HEAD, CLASSIFIER, FILTER_SIDE, layerBlocks, tapChannels } from './architecture.js';
import { architectureOf, type PublishedModel } from './file.js';
import { foldNorm, Layers } from './layers.js';

/** Mean and deviation of ImageNet: the networks see (pixel / 255 - mean) / deviation. */
const MEAN = [0.485, 0.456, 0.406] as const;
const DEVIATION = [0.229, 0.224, 0.225] as const;
const EPSILON = 1e-5;

/** Cells of the maps: of stride 16 a side, and of the scores, which have one more. */
export const cellsOf = (size: number): number => size / 16;
const FILTER = FILTER_SIDE * FILTER_SIDE;

/**
 * Inputs: image [b, 3, S, S], 0 to 255; filter [b, 16, C].
 * Outputs: features [b, C, n, n], scores [b, n + 1, n + 1], fine [b, 2n, 2n, F], coarse [b, n, n, F].
 */
export function compileLook(model: PublishedModel): Uint8Array {
  const { rules, widths } = model.recipe;
  const g = new GraphBuilder();
  const layers = new Layers(g, model.weights);
  const n = cellsOf(rules.size);
  const { layer2, layer3 } = backbone(layers, model, g.input('image', ['b', 3, rules.size, rules.size]));
  const features = classifierFeatures(layers, model, layer3);
  const scores = filterScores(layers, g.input('filter', ['b', FILTER, widths.filter]), features, widths.filter, n);
  g.output('features', features, ['b', widths.filter, n, n]);
  g.output('scores', scores, ['b', n + 1, n + 1]);
  g.output('fine', boxMap(layers, layer2, 3), ['b', 2 * n, 2 * n, widths.fine]);
  g.output('coarse', boxMap(layers, layer3, 4), ['b', n, n, widths.coarse]);
  return g.toBytes();
}

/**
 * For the first frame.
 * Input: image [b, 3, S, S]. Outputs: features [b, C, n, n], layer2 [b, C2, 2n, 2n], layer3 [b, C3, n, n].
 */
export function compileBegin(model: PublishedModel): Uint8Array {
  const { rules, widths } = model.recipe;
  const g = new GraphBuilder();
  const layers = new Layers(g, model.weights);
  const n = cellsOf(rules.size);
  const taps = tapChannels(architectureOf(model.recipe));
  const { layer2, layer3 } = backbone(layers, model, g.input('image', ['b', 3, rules.size, rules.size]));
  g.output('features', classifierFeatures(layers, model, layer3), ['b', widths.filter, n, n]);
  g.output('layer2', layer2, ['b', taps.fine, 2 * n, 2 * n]);
  g.output('layer3', layer3, ['b', taps.coarse, n, n]);
  return g.toBytes();
}

/**
 * For training: what the box head is fed with, frozen.
 * Input: image [b, 3, S, S]. Outputs, channels last: layer2 [b, 2n, 2n, C2], layer3 [b, n, n, C3].
 */
export function compileTaps(model: PublishedModel): Uint8Array {
  const { size } = model.recipe.rules;
  const g = new GraphBuilder();
  const layers = new Layers(g, model.weights);
  const n = cellsOf(size);
  const taps = tapChannels(architectureOf(model.recipe));
  const { layer2, layer3 } = backbone(layers, model, g.input('image', ['b', 3, size, size]));
  g.output('layer2', layers.channelLast(layer2), ['b', 2 * n, 2 * n, taps.fine]);
  g.output('layer3', layers.channelLast(layer3), ['b', n, n, taps.coarse]);
  return g.toBytes();
}

function backbone(layers: Layers, { recipe }: PublishedModel, image: string): { layer2: string; layer3: string } {
  const { g } = layers;
  const perColour = (values: readonly number[]): string =>
    g.constant({ data: Float32Array.from(values), dims: [1, 3, 1, 1] });
  const centred = g.op('Sub', [image, perColour(MEAN.map((mean) => 255 * mean))]);
  const input = g.op('Mul', [centred, perColour(DEVIATION.map((deviation) => 1 / (255 * deviation)))]);
  const stem = layers.relu(layers.normed(input, 'feature_extractor.conv1', 'feature_extractor.bn1', 2, 3));
  let x = g.op('MaxPool', [stem], { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] });
  const outputs = [1, 2, 3].map((layer) => {
    for (const block of layerBlocks(architectureOf(recipe), layer)) x = layers.residual(x, block);
    return x;
  });
  return { layer2: outputs[1]!, layer3: outputs[2]! };
}

/** Scaled to the same length, 1 / 4 of a number a cell, whatever the picture. */
function classifierFeatures(layers: Layers, { recipe, weights }: PublishedModel, layer3: string): string {
  const { g } = layers;
  const inner =
    recipe.depth === 50
      ? layer3
      : layers.residual(layer3, { prefix: `${CLASSIFIER}.0`, stride: 1, from: 0, planes: 0, to: 0, shortcut: false });
  const x = layers.convolution(inner, foldNorm(weights, `${CLASSIFIER}.${recipe.depth === 50 ? 0 : 1}`));
  const squares = g.op('ReduceSumSquare', [x], { axes: [1, 2, 3], keepdims: 1 });
  const length = g.op('Sqrt', [g.op('Add', [squares, g.scalar(EPSILON)])]);
  const factor = g.op('Div', [g.scalar(cellsOf(recipe.rules.size) / FILTER_SIDE), length]);
  return g.op('Mul', [x, factor]);
}

function boxMap(layers: Layers, tap: string, stage: 3 | 4): string {
  const hidden = layers.boxBlock(tap, `${BOX_HEAD}.conv${stage}_1t`);
  return layers.channelLast(layers.boxBlock(hidden, `${BOX_HEAD}.conv${stage}_2t`));
}

/**
 * The filter as one product over channels, which gives a plane an entry of the filter, and the sum of these planes, each moved to its place.
 * @param filter [b or 1, 16, C]
 * @param features [b, C, n, n] or [b, C, n n]
 * @returns [b, n + 1, n + 1]
 */
export function filterScores(layers: Layers, filter: string, features: string, channels: number, n: number): string {
  const { g } = layers;
  const planes = layers.reshape(g.op('MatMul', [filter, layers.reshape(features, [-1, channels, n * n])]), [
    -1,
    FILTER,
    n,
    n,
  ]);
  const sum = g.op('Conv', [planes, placeKernels(g, false)], {
    kernel_shape: [FILTER_SIDE, FILTER_SIDE],
    pads: [2, 2, 2, 2],
  });
  return layers.reshape(sum, [-1, n + 1, n + 1]);
}

/**
 * The way back: for each entry of the filter the residuals at the cells that it was multiplied with.
 * @param residuals [b, n + 1, n + 1]
 * @returns [b, 16, n n]
 */
export function residualPlanes(layers: Layers, residuals: string, n: number): string {
  const { g } = layers;
  const planes = g.op('Conv', [layers.reshape(residuals, [-1, 1, n + 1, n + 1]), placeKernels(g, true)], {
    kernel_shape: [FILTER_SIDE, FILTER_SIDE],
    pads: [1, 1, 1, 1],
  });
  return layers.reshape(planes, [-1, FILTER, n * n]);
}

/** A 1 at each place of the filter: [1, 16, 4, 4], or for the way back, turned by half a circle, [16, 1, 4, 4]. */
function placeKernels(g: GraphBuilder, back: boolean): string {
  const data = new Float32Array(FILTER * FILTER);
  for (let k = 0; k < FILTER; k++) data[k * FILTER + (back ? FILTER - 1 - k : k)] = 1;
  return g.constant({
    data,
    dims: back ? [FILTER, 1, FILTER_SIDE, FILTER_SIDE] : [1, FILTER, FILTER_SIDE, FILTER_SIDE],
  });
}

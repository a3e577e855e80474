/**
 * Names and shapes of the published networks: a ResNet of which the first three layers are used, the classifier of DiMP (Bhat et al., ICCV
 * 2019) or PrDiMP (Danelljan et al., CVPR 2020), and the box head of ATOM (Danelljan et al., CVPR 2019).
 */

/** dimp: learned label and mask; prdimp: a density over cells; simple: a hinge about a Gaussian label. */
export type Family = 'dimp' | 'prdimp' | 'simple';
/** Number of layers of the ResNet. */
export type Depth = 18 | 50;

/** Channels that are not the same in all networks of an architecture: those published have 64, 512 or 256, 256, 256, 256, 256. */
export interface Widths {
  /** First convolution. */
  readonly stem: number;
  /** Classifier's features and filter. */
  readonly filter: number;
  /** Maps that boxes are pooled from, stride 8 and 16. */
  readonly fine: number;
  readonly coarse: number;
  /** Dense layers behind them. */
  readonly fineDense: number;
  readonly coarseDense: number;
}

export interface Architecture {
  readonly family: Family;
  readonly depth: Depth;
  readonly widths: Widths;
}

export type Shapes = Readonly<Record<string, readonly number[]>>;

/** Cells a side of the filter. */
export const FILTER_SIDE = 4;
/** Bins a side that a box is pooled to. */
export const FINE_BINS = 5;
export const COARSE_BINS = 3;
/** Entries of each table over the distance to the target. */
export const TABLE = 100;

/** Channels that are the same in all box heads. */
const REFERENCE_FINE = 128;
const BOX_HIDDEN = 256;

/** Blocks of layer1 to layer4. */
const BLOCKS: Readonly<Record<Depth, readonly number[]>> = { 18: [2, 2, 2, 2], 50: [3, 4, 6, 3] };
/** A block's last convolution has so many times the channels of the others. */
const EXPANSION: Readonly<Record<Depth, number>> = { 18: 1, 50: 4 };

/** One block of the ResNet, as its convolutions. */
export interface Block {
  readonly prefix: string;
  readonly stride: number;
  /** Input channels. */
  readonly from: number;
  readonly planes: number;
  readonly to: number;
  /** True if the shortcut has a convolution. */
  readonly shortcut: boolean;
}

/** Blocks of one layer, 1 to 4. */
export function layerBlocks({ depth, widths }: Architecture, layer: number): Block[] {
  const planes = widths.stem * 2 ** (layer - 1);
  const to = planes * EXPANSION[depth];
  return Array.from({ length: BLOCKS[depth][layer - 1]! }, (_, index) => {
    const stride = index === 0 && layer > 1 ? 2 : 1;
    const from = index > 0 ? to : layer === 1 ? widths.stem : to / 2;
    return {
      prefix: `feature_extractor.layer${layer}.${index}`,
      stride,
      from,
      planes,
      to,
      shortcut: stride > 1 || from !== to,
    };
  });
}

/** Channels of layer2 and layer3. */
export function tapChannels({ depth, widths }: Architecture): { fine: number; coarse: number } {
  return { fine: 2 * widths.stem * EXPANSION[depth], coarse: 4 * widths.stem * EXPANSION[depth] };
}

/** Tensors of a checkpoint that are used: all of them must be there. */
export function usedShapes(architecture: Architecture): Shapes {
  return {
    ...stemShapes(architecture),
    ...Object.assign({}, ...[1, 2, 3].map((layer) => layerShapes(architecture, layer))),
    ...classifierShapes(architecture),
    ...boxHeadShapes(architecture),
  };
}

/** Other tensors that a checkpoint has: the ResNet's layer4 and its fully connected layer. */
export function unusedShapes(architecture: Architecture): Shapes {
  const { depth, widths } = architecture;
  return {
    ...layerShapes(architecture, 4),
    'feature_extractor.fc.weight': [1000, 8 * widths.stem * EXPANSION[depth]],
    'feature_extractor.fc.bias': [1000],
  };
}

/** Scalars beside each batch norm, of which old files have none. */
export const COUNTER_ENDING = '.num_batches_tracked';

/** Names of the batch norms among some shapes. */
export function batchNorms(shapes: Shapes): string[] {
  return Object.keys(shapes).flatMap((name) => /^(.*)\.running_mean$/.exec(name)?.[1] ?? []);
}

function norm(prefix: string, channels: number): Shapes {
  const parts = ['weight', 'bias', 'running_mean', 'running_var'];
  return Object.fromEntries(parts.map((part) => [`${prefix}.${part}`, [channels]]));
}

function convolution(prefix: string, to: number, from: number, side: number): Shapes {
  return { [`${prefix}.weight`]: [to, from, side, side] };
}

function stemShapes({ widths: { stem } }: Architecture): Shapes {
  return {
    ...convolution('feature_extractor.conv1', stem, 3, 7),
    ...norm('feature_extractor.bn1', stem),
  };
}

function layerShapes(architecture: Architecture, layer: number): Shapes {
  const blocks = layerBlocks(architecture, layer);
  return Object.assign({}, ...blocks.map((block) => blockShapes(block, architecture.depth))) as Shapes;
}

function blockShapes({ prefix, from, planes, to, shortcut }: Block, depth: Depth): Shapes {
  const past = shortcut
    ? { ...convolution(`${prefix}.downsample.0`, to, from, 1), ...norm(`${prefix}.downsample.1`, to) }
    : {};
  if (depth === 18) return { ...basicShapes(prefix, from, planes), ...past };
  return {
    ...convolution(`${prefix}.conv1`, planes, from, 1),
    ...norm(`${prefix}.bn1`, planes),
    ...convolution(`${prefix}.conv2`, planes, planes, 3),
    ...norm(`${prefix}.bn2`, planes),
    ...convolution(`${prefix}.conv3`, to, planes, 1),
    ...norm(`${prefix}.bn3`, to),
    ...past,
  };
}

function basicShapes(prefix: string, from: number, planes: number): Shapes {
  return {
    ...convolution(`${prefix}.conv1`, planes, from, 3),
    ...norm(`${prefix}.bn1`, planes),
    ...convolution(`${prefix}.conv2`, planes, planes, 3),
    ...norm(`${prefix}.bn2`, planes),
  };
}

export const CLASSIFIER = 'classifier.feature_extractor';
export const INITIALISER = 'classifier.filter_initializer.filter_conv';
export const OPTIMISER = 'classifier.filter_optimizer';
export const BOX_HEAD = 'bb_regressor';

function classifierShapes(architecture: Architecture): Shapes {
  const { family, depth, widths } = architecture;
  const { coarse } = tapChannels(architecture);
  const features =
    depth === 50
      ? convolution(`${CLASSIFIER}.0`, widths.filter, coarse, 3)
      : {
          ...basicShapes(`${CLASSIFIER}.0`, coarse, coarse),
          ...convolution(`${CLASSIFIER}.1`, widths.filter, coarse, 3),
        };
  return {
    ...features,
    ...convolution(INITIALISER, widths.filter, widths.filter, 3),
    [`${INITIALISER}.bias`]: [widths.filter],
    ...optimiserShapes(family),
  };
}

function optimiserShapes(family: Family): Shapes {
  if (family === 'simple') return { [`${OPTIMISER}.residual_module.filter_reg`]: [1] };
  const own = { [`${OPTIMISER}.log_step_length`]: [1], [`${OPTIMISER}.filter_reg`]: [1] };
  if (family === 'prdimp') return own;
  return {
    ...own,
    [`${OPTIMISER}.label_map_predictor.weight`]: [1, TABLE, 1, 1],
    [`${OPTIMISER}.target_mask_predictor.0.weight`]: [1, TABLE, 1, 1],
    [`${OPTIMISER}.spatial_weight_predictor.weight`]: [1, TABLE, 1, 1],
  };
}

/** Names of the box head's layers are those of the checkpoint: r = reference branch (first frame), t = test branch, 3 = stride 8, 4 = stride 16. */
function boxHeadShapes(architecture: Architecture): Shapes {
  const { fine, coarse, fineDense, coarseDense } = architecture.widths;
  const taps = tapChannels(architecture);
  const block = (name: string, to: number, from: number, side: number): Shapes => ({
    ...convolution(`${BOX_HEAD}.${name}.0`, to, from, side),
    [`${BOX_HEAD}.${name}.0.bias`]: [to],
    ...norm(`${BOX_HEAD}.${name}.1`, to),
  });
  const dense = (name: string, to: number, from: number): Shapes => ({
    [`${BOX_HEAD}.${name}.linear.weight`]: [to, from],
    [`${BOX_HEAD}.${name}.linear.bias`]: [to],
    ...norm(`${BOX_HEAD}.${name}.bn`, to),
  });
  return {
    ...block('conv3_1r', REFERENCE_FINE, taps.fine, 3),
    ...block('conv3_1t', BOX_HIDDEN, taps.fine, 3),
    ...block('conv3_2t', fine, BOX_HIDDEN, 3),
    ...block('fc3_1r', BOX_HIDDEN, REFERENCE_FINE, 3),
    ...block('conv4_1r', BOX_HIDDEN, taps.coarse, 3),
    ...block('conv4_1t', BOX_HIDDEN, taps.coarse, 3),
    ...block('conv4_2t', coarse, BOX_HIDDEN, 3),
    ...block('fc34_3r', fine, 2 * BOX_HIDDEN, 1),
    ...block('fc34_4r', coarse, 2 * BOX_HIDDEN, 1),
    ...dense('fc3_rt', fineDense, fine * FINE_BINS ** 2),
    ...dense('fc4_rt', coarseDense, coarse * COARSE_BINS ** 2),
    [`${BOX_HEAD}.iou_predictor.weight`]: [1, fineDense + coarseDense],
    [`${BOX_HEAD}.iou_predictor.bias`]: [1],
  };
}

/** The backbone: search crops in, two normalised feature maps out. */
import { TrackerError } from '../errors.js';
import type { FloatTensor, OnnxModel, OpenModel } from '../platform.js';
import type { BackboneEntry, FeatureMapSpec } from './manifest.js';

export interface FeatureMap {
  /** [B, C, H, W] NCHW; each channel divided by its deviation over training crops. */
  readonly data: Float32Array;
  readonly batch: number;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  /** Cell i looks at stride * i + offset, continuous crop pixels. */
  readonly stride: number;
  readonly offset: number;
}

export interface Features {
  readonly fine: FeatureMap;
  readonly coarse: FeatureMap;
}

export interface Backbone {
  readonly entry: BackboneEntry;
  /** The provider it runs on, and why (see OnnxModel). */
  readonly provider: string;
  readonly reasons: readonly string[];
  /**
   * @param input [B, 3, S, S] or [B, S, S, 3] after entry.input.layout, preprocessed as entry.input says
   * @throws TrackerError MODEL_INVALID when input or maps do not have the shape the entry gives them
   */
  extract(input: FloatTensor): Promise<Features>;
  release(): Promise<void>;
}

/** A channel that hardly varied over the training crops must not become noise blown up a thousand times. */
export const MIN_DEVIATION = 1e-2;

/** @throws TrackerError MODEL_MISSING, MODEL_INVALID, RUNTIME_UNAVAILABLE as Platform.openModel(); MODEL_INVALID also when the entry's names are not the model's */
export async function openBackbone(entry: BackboneEntry, open: OpenModel): Promise<Backbone> {
  const model = await open(entry.file);
  try {
    checkNames(entry, model);
  } catch (error) {
    await model.release();
    throw error;
  }
  const fineFactors = channelFactors(entry.fine);
  const coarseFactors = channelFactors(entry.coarse);
  return {
    entry,
    provider: model.provider,
    reasons: model.reasons,
    async extract(input) {
      const maps = await model.run({ [entry.input.name]: input });
      return {
        fine: normalise(entry, entry.fine, maps[entry.fine.output]!, fineFactors),
        coarse: normalise(entry, entry.coarse, maps[entry.coarse.output]!, coarseFactors),
      };
    },
    release: () => model.release(),
  };
}

/** The features of each crop of a batch, on the same memory. */
export function splitFeatures({ fine, coarse }: Features): Features[] {
  const one = (map: FeatureMap, index: number): FeatureMap => {
    const size = map.data.length / map.batch;
    return { ...map, data: map.data.subarray(index * size, (index + 1) * size), batch: 1 };
  };
  return Array.from({ length: fine.batch }, (_, index) => ({ fine: one(fine, index), coarse: one(coarse, index) }));
}

function checkNames(entry: BackboneEntry, model: OnnxModel): void {
  const refuse = (what: string, wanted: string, found: readonly string[]): never => {
    throw new TrackerError(
      'MODEL_INVALID',
      `backbone ${entry.name} (${entry.file}): ${what} "${wanted}" expected, found ${found.join(', ')}`,
      { hint: `correct the ${what}'s name in the backbone's manifest entry` },
    );
  };
  if (model.inputNames.length !== 1 || model.inputNames[0] !== entry.input.name) {
    refuse('input', entry.input.name, model.inputNames);
  }
  for (const { output } of [entry.fine, entry.coarse]) {
    if (!model.outputNames.includes(output)) refuse('output', output, model.outputNames);
  }
}

/** Factor of each channel of a map: 1 / deviation. */
export function channelFactors(spec: FeatureMapSpec): Float32Array {
  return Float32Array.from(spec.deviation, (deviation) => 1 / Math.max(deviation, MIN_DEVIATION));
}

/** Divides in place: the array is the caller's own (see OnnxModel.run). */
function normalise(
  entry: BackboneEntry,
  spec: FeatureMapSpec,
  { data, dims }: FloatTensor,
  factors: Float32Array,
): FeatureMap {
  const [batch, channels, height, width] = dims;
  if (dims.length !== 4 || channels !== spec.channels) {
    throw new TrackerError(
      'MODEL_INVALID',
      `backbone ${entry.name}: output ${spec.output} is [${dims.join(', ')}], expected [B, ${spec.channels}, H, W]`,
      {
        hint: "correct channels in the backbone's manifest entry; maps must be NCHW (end the graph with a Transpose if not)",
      },
    );
  }
  const cells = height! * width!;
  for (let plane = 0, at = 0; plane < batch! * channels; plane++) {
    const factor = factors[plane % channels]!;
    for (const end = at + cells; at < end; at++) data[at]! *= factor;
  }
  const { stride, offset } = spec;
  return { data, batch: batch!, channels, height: height!, width: width!, stride, offset };
}

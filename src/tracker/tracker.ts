/**
 * The tracker: init(frame, box), then update(frame) -> box, confidence, state. This is the page to read first: updateAll() looks at the frame,
 * and follow() is the method, for one object: locate(), judge(), learn().
 */
import { parseConfig, type TrackerConfig, type TrackerOptions } from '../config.js';
import { createOnnxEngine } from '../ebm/engines/onnx.js';
import { estimateBox, type Estimate, type EstimateSettings } from '../ebm/estimate.js';
import { makeTemplate, type HeadEngine, type Template } from '../ebm/head.js';
import type { LoadedHead, TargetGraphName } from '../ebm/load.js';
import { boxPosterior, placePrior, sizePrior, type LogTerm } from '../ebm/posterior.js';
import { cellPlaces, decodeProposal, evenMix, type Mixture } from '../ebm/proposal.js';
import { findBackbone, loadManifest } from '../features/manifest.js';
import {
  checkFirstBox,
  cropToFrame,
  frameToCrop,
  fromRelative,
  searchRegion,
  type CropBox,
  type FrameBox,
  type SearchRegion,
} from '../geometry.js';
import { mirror, regionWindow, resample, resampleInput, writeInput } from '../image/crop.js';
import type { Frame } from '../image/frame.js';
import { createRandom, type Random } from '../random.js';
import type { TrackResult } from '../result.js';
import { openOnnxModel, type FloatTensor, type OnnxModel } from '../runtime/onnx.js';
import {
  createTargetModel,
  type FirstSample,
  type Response,
  type TargetGraphs,
  type TargetModel,
} from '../target/classifier.js';
import {
  colourEvidence,
  colourGrid,
  createColourModel,
  learnColours,
  type ColourGrid,
  type ColourModel,
} from '../target/colour.js';
import { responseAt, responseEvidence } from '../target/evidence.js';
import { overLanes } from './lanes.js';
import { checkAlone, checkFirstBoxes, checkObject, isList, notStarted, type GivenBoxes } from './objects.js';
import { openNetworks, type Networks, type Sight } from './networks.js';
import { openHead } from './open-head.js';
import { redetectBox } from './redetect.js';
import {
  AT_REST,
  coast,
  confidenceInputs,
  confidenceOf,
  filterInputs,
  isLearned,
  limitBox,
  nextState,
  seen,
  type Evidence,
  type ObjectState,
} from './state.js';
import { createStopwatch, type Stopwatch } from './stopwatch.js';

/** Follows one object or several from frame to frame. */
export interface Tracker {
  /**
   * Begins with the object in `box` of `frame`; may be called again to begin anew.
   * @returns the first box, clipped to the frame
   * @throws TrackerError BOX_INVALID naming the value
   */
  init(frame: Frame, box: FrameBox): Promise<TrackResult>;
  /**
   * Begins with several objects, each as if it were alone: of its own memory, state and random numbers. On the CPU an object gets the same
   * boxes to the last bit as alone in as many threads as a lane has (threads / lanes); another number of threads changes last digits, and so
   * does the common run of the backbone on other providers.
   * @returns the first boxes, in the order given
   */
  init(frame: Frame, boxes: readonly FrameBox[]): Promise<readonly TrackResult[]>;
  /** Where the object is in the next frame. @throws TrackerError TRACKER_NOT_STARTED before init(), OPTION_INVALID after init() with several */
  update(frame: Frame): Promise<TrackResult>;
  /** Where each object is in the next frame, in the order of init(). @throws TrackerError TRACKER_NOT_STARTED before init() */
  updateAll(frame: Frame): Promise<readonly TrackResult[]>;
  /**
   * Says where an object is now: the next search goes on from there, and nothing is learned from it.
   * @param object its place in the list given to init()
   * @throws TrackerError TRACKER_NOT_STARTED before init(), BOX_INVALID naming the value, OPTION_INVALID where there is no such object
   */
  moveTo(frame: Frame, box: FrameBox, object?: number): void;
  /**
   * Figures behind the last update's confidence, and its samples in crop pixels: for looking. Undefined before the first update() and while
   * lanes follow several objects: set `lanes: 1` to see them.
   */
  inspect(object?: number): TrackerView | undefined;
  /** What computes, on what. */
  readonly description: TrackerDescription;
  /** Milliseconds of each stage, of all frames so far. */
  readonly stopwatch: Stopwatch;
  /** Frees the networks and ends the lanes. The tracker cannot be used afterwards. */
  release(): Promise<void>;
}

/** What computes, on what. */
export interface TrackerDescription {
  /** What computes the head. */
  readonly engine: string;
  /** Execution provider of the backbone, and why it was chosen. */
  readonly device: string;
  /** One sentence a provider: why it was chosen or passed over. */
  readonly reasons: readonly string[];
  /** Threads of each network. */
  readonly threads: number;
  /** sha256 of the head's weights. */
  readonly weights: string;
}

/** What lay behind a result. */
export interface TrackerView {
  /** Where it was searched. */
  readonly region: SearchRegion;
  /** What the target model said of it. */
  readonly response: Response;
  /** The samples, and what they say of the box. */
  readonly estimate: Estimate;
  /** What confidence was made from. */
  readonly evidence: Evidence;
  /** The same as inputs of the confidence, filtered over the last frames. */
  readonly inputs: readonly number[];
}

/** All there is to see of one update(). */
export interface Observation extends TrackerView {
  /** Which object: its place in the list given to init(). */
  readonly object: number;
  /** How many are tracked. */
  readonly objects: number;
  /** The frame that was looked at. */
  readonly frame: Frame;
  /** The box before it, crop pixels: what relative boxes are about. */
  readonly base: CropBox;
  /** What the first samples were drawn from. */
  readonly proposal: Mixture;
  /** What was said of it. */
  readonly result: TrackResult;
}

/** Looks on: it is told of every update(), which waits for it. */
export interface TrackerObserver {
  /** Told of one object in one frame. */
  observe(observation: Observation): Promise<void>;
}

/** Shifts of the first frame's crops, in units of the search region's side: what the target model learns from beside the plain crop. */
const FIRST_SHIFTS = [
  [0, 0],
  [-0.3, -0.3],
  [0.3, 0.3],
  [-0.3, 0.3],
  [0.3, -0.3],
  [0.12, 0],
  [-0.12, 0],
  [0, 0.12],
  [0, -0.12],
] as const;

/**
 * Opens the networks and gives a tracker.
 * @param observer is shown what each update() did; left out, nothing is gathered for it
 * @throws TrackerError CONFIG_INVALID, MODEL_MISSING, MODEL_INVALID, RUNTIME_UNAVAILABLE
 */
export async function createTracker(options: TrackerOptions = {}, observer?: TrackerObserver): Promise<Tracker> {
  const config = parseConfig(options);
  const manifest = await loadManifest(config.manifest);
  const head = await openHead(manifest, config.head);
  const runtime = { threads: config.threads, provider: config.provider };
  const open = async (name: TargetGraphName) => openOnnxModel(await head.graph(name), runtime);
  const entry = await findBackbone(manifest, head.backbone, config.precision);
  const [engine, respond, sample, learn, multiply] = await Promise.all([
    createEngine(head, config),
    open('respond'),
    open('sample'),
    open('learn'),
    open('multiply'),
  ]);
  // other providers are faster with one large run than with several
  const onCpu = config.engine === 'onnx' && respond.provider === 'cpu';
  const stopwatch = createStopwatch();
  const networks = await openNetworks(entry, head, engine, respond, onCpu && config.joined, runtime, stopwatch);
  const graphs = { respond, sample, learn, multiply };
  const tracker = new EnergyTracker(config, networks, engine, graphs, head, stopwatch, observer);
  // an observer is told here of every object
  return observer === undefined && onCpu ? overLanes(tracker, config) : tracker;
}

async function createEngine(head: LoadedHead, config: TrackerConfig): Promise<HeadEngine> {
  if (config.engine === 'onnx') return createOnnxEngine(head, { threads: config.threads, provider: config.provider });
  // loaded here only: who tracks with the compiled head never waits for TensorFlow
  const { createTfjsEngine } = await import('../ebm/engines/tfjs.js');
  const { openTensorflow } = await import('../runtime/tensorflow.js');
  return createTfjsEngine(await openTensorflow({ backend: config.backend, threads: config.threads }), head.model);
}

/** What belongs to one object: made by init(), used and replaced by update(). */
interface Target {
  readonly template: Template;
  readonly model: TargetModel;
  readonly colours: ColourModel;
  readonly random: Random;
  readonly object: ObjectState;
  readonly view?: TrackerView;
}

/** What is seen of an object's region: what the networks say of it, and its colours. */
interface View extends Sight {
  readonly grid: ColourGrid;
}

/** Where an object is searched for in a frame. */
interface Search {
  /** About which box: its last one, or, of a lost object, one somewhere else. */
  readonly from: FrameBox;
  readonly elsewhere: boolean;
  readonly region: SearchRegion;
}

/** The most likely box, if the object is there. */
interface Guess {
  /** The box before, crop pixels: what relative boxes are about. */
  readonly base: CropBox;
  readonly response: Response;
  readonly proposal: Mixture;
  readonly estimate: Estimate;
  /** Crop pixels. */
  readonly place: CropBox;
}

/** Whether it is there, and what follows. */
interface Verdict {
  readonly object: ObjectState;
  readonly evidence: Evidence;
  readonly inputs: readonly number[];
  /** Whether this frame is learned from. */
  readonly learned: boolean;
}

/** Later energies are measured by that of the first update, or by this where it is less. */
const LEAST_ENERGY = 5;

/** Crops in one run of the backbone at most: the memory of a run grows with them. */
const BATCH = 8;

class EnergyTracker implements Tracker {
  private targets: readonly Target[] = [];
  private readonly estimate: EstimateSettings;
  private input = new Float32Array(0);

  constructor(
    private readonly config: TrackerConfig,
    private readonly networks: Networks,
    private readonly engine: HeadEngine,
    private readonly graphs: TargetGraphs,
    private readonly head: LoadedHead,
    readonly stopwatch: Stopwatch,
    private readonly observer: TrackerObserver | undefined,
  ) {
    const p = config.posterior;
    this.estimate = {
      kind: p.estimate,
      candidates: p.candidates,
      refined: p.refined,
      settled: p.settled,
      starts: p.starts,
      averaged: p.averaged,
      refine: {
        steps: p.ascentSteps,
        rate: p.ascentRate,
        maxStep: 0.15,
        maxPlace: 2,
        maxLogSize: 0.5,
        maxLogAspect: 0.5,
      },
    };
  }

  get description(): TrackerDescription {
    const { networks, engine, config, head } = this;
    return {
      engine: engine.name,
      device: networks.provider,
      reasons: networks.reasons,
      threads: config.threads,
      weights: head.sha256,
    };
  }

  async init(frame: Frame, box: FrameBox): Promise<TrackResult>;
  async init(frame: Frame, boxes: readonly FrameBox[]): Promise<readonly TrackResult[]>;
  async init(frame: Frame, given: GivenBoxes): Promise<TrackResult | readonly TrackResult[]> {
    const boxes = checkFirstBoxes(given, frame);
    const targets: Target[] = [];
    for (const box of boxes) targets.push(await this.begin(frame, box));
    this.targets = targets;
    const results = boxes.map((box): TrackResult => ({ box, confidence: 1, state: 'tracking' }));
    return isList(given) ? results : results[0]!;
  }

  /** Learns the object of the first frame. @param first a box that checkFirstBox has accepted */
  private async begin(frame: Frame, first: FrameBox): Promise<Target> {
    const { config } = this;
    const { geometry } = this.head.model;
    const random = createRandom(config.seed);
    const region = this.regionAbout(first);
    const samples: FirstSample[] = [];
    let template: Template | undefined;
    let colours: ColourModel | undefined;
    for (const [dx, dy] of FIRST_SHIFTS) {
      const shifted = { ...region, cx: region.cx + dx * region.side, cy: region.cy + dy * region.side };
      const place = frameToCrop(first, shifted);
      const crop = this.crop(frame, [shifted]);
      colours ??= createColourModel(this.gridOf(crop, 0), place);
      const { coarse, embedding } = await this.networks.begin(crop);
      samples.push({ coarse, box: place });
      template ??= makeTemplate(this.head.model, embedding, place);
    }
    const mirrored = await this.networks.begin(this.cropMirrored(frame, region));
    samples.push({ coarse: mirrored.coarse, box: frameToCrop(first, region) });
    const model = await createTargetModel(this.graphs, samples, geometry.coarse, config.target, random);
    return {
      template: template!,
      colours: colours!,
      model,
      random,
      object: {
        box: first,
        frame: 0,
        state: 'tracking',
        confidence: 1,
        lostFor: 0,
        velocity: AT_REST,
        inputs: undefined,
        firstEnergy: undefined,
      },
    };
  }

  async update(frame: Frame): Promise<TrackResult> {
    checkAlone(this.started('update').length);
    return (await this.updateAll(frame))[0]!;
  }

  async updateAll(frame: Frame): Promise<readonly TrackResult[]> {
    const targets = this.started('updateAll');
    const searches = targets.map(({ object }) => this.searchFor(object, frame));
    const sights = await this.look(frame, searches, targets);
    const followed: Target[] = [];
    for (const [i, target] of targets.entries())
      followed.push(await this.follow(i, target, frame, searches[i]!, sights[i]!));
    this.targets = followed;
    return followed.map(({ object: { box, confidence, state } }) => ({ box, confidence, state }));
  }

  /** The method: from what the networks say of an object's search region to its box, and what is remembered of it. */
  private async follow(index: number, target: Target, frame: Frame, search: Search, sight: View): Promise<Target> {
    const guess = await this.locate(target, search, sight);
    const { object, evidence, inputs, learned } = this.judge(target.object, frame, search, guess);
    const colours = await this.learn(target, sight, frameToCrop(object.box, search.region), learned);
    const { base, response, proposal, estimate } = guess;
    const view = { region: search.region, response, estimate, evidence, inputs };
    const { box, confidence, state } = object;
    const which = { object: index, objects: this.targets.length };
    await this.observer?.observe({ ...which, ...view, frame, base, proposal, result: { box, confidence, state } });
    return { ...target, colours, object, view };
  }

  /** Where is it? The most likely box. */
  private async locate(
    { template, model, colours: known, random }: Target,
    { from, elsewhere, region }: Search,
    { embedding, response: scored, proposal: raw, grid }: View,
  ): Promise<Guess> {
    const { posterior: p, redetect } = this.config;
    const base = frameToCrop(from, region);
    const response = model.response(scored.scores);
    const motion = placePrior(base, elsewhere ? redetect.place : p.place, p.tail);
    const colours = colourEvidence(known, grid, base, p.colour);
    // candidates: the learned proposal, drawn to where response, motion and colours say
    const proposal = this.drawProposal(raw, base, response, [motion, colours]);
    // how good is each? log p(y | x) = t f(x, y) + response + colours + motion + size
    const evidence = responseEvidence(response, base, p.evidence);
    const terms = [evidence, colours, motion, sizePrior(p.size, p.aspect)];
    const posterior = boxPosterior(this.engine, embedding, template, base, p.temperature, terms);
    // which box?
    const estimate = await this.stopwatch.time('estimate', () =>
      estimateBox(posterior, proposal, this.estimate, random),
    );
    const [y0, y1, y2, y3] = estimate.y as unknown as [number, number, number, number];
    return { base, response, proposal, estimate, place: fromRelative([y0, y1, y2, y3], base) };
  }

  /** Is it there? Its next state, and whether this frame is learned from. */
  private judge(
    object: ObjectState,
    frame: Frame,
    { from, elsewhere, region }: Search,
    { response, estimate, place }: Guess,
  ): Verdict {
    const { target, redetect } = this.config;
    const firstEnergy = object.firstEnergy ?? Math.max(LEAST_ENERGY, estimate.best);
    const evidence = weigh(response, place, estimate, firstEnergy);
    // another place is judged by what is seen there alone
    const inputs = filterInputs(elsewhere ? undefined : object.inputs, confidenceInputs(evidence));
    const likely = confidenceOf(inputs, this.head.confidence);
    const moved = elsewhere ? likely >= redetect.foundAbove : evidence.response > target.holdBelow;
    const { box, velocity } = moved
      ? seen(object, limitBox(cropToFrame(place, region), from, frame), elsewhere, likely)
      : coast(object.box, object.velocity, frame);
    // a box that was not looked at is as likely as it was
    const unseen = elsewhere && !moved;
    const confidence = unseen ? object.confidence : likely;
    const state = nextState(object.state, confidence);
    const count = object.frame + 1;
    const lostFor = state === 'lost' ? object.lostFor + (moved ? 0 : 1) : 0;
    const remembered = unseen || !inputs.every(Number.isFinite) ? object.inputs : inputs;
    const learned = isLearned(state, evidence.response, count, target);
    return {
      object: { box, frame: count, state, confidence, lostFor, velocity, inputs: remembered, firstEnergy },
      evidence,
      inputs,
      learned,
    };
  }

  /** Takes up a frame that is learned from; on the others the target model works off what it took up. @returns what is known of the colours */
  private learn({ model, colours }: Target, { response, grid }: View, box: CropBox, learned: boolean) {
    return this.stopwatch.time('learn', async (): Promise<ColourModel> => {
      if (!learned) {
        await model.work();
        return colours;
      }
      await model.take(response.reduced, box);
      return learnColours(colours, grid, box);
    });
  }

  moveTo(frame: Frame, box: FrameBox, object = 0): void {
    const targets = this.started('moveTo');
    checkObject(object, targets.length);
    const moved = { ...targets[object]!.object, box: checkFirstBox(box, frame) };
    this.targets = targets.with(object, { ...targets[object]!, object: moved });
  }

  inspect(object = 0): TrackerView | undefined {
    return this.targets[object]?.view;
  }

  async release(): Promise<void> {
    await Promise.all([
      this.networks.release(),
      this.engine.release(),
      ...Object.values(this.graphs).map((graph: OnnxModel) => graph.release()),
    ]);
  }

  // --- internal ---

  private started(call: string): readonly Target[] {
    if (this.targets.length > 0) return this.targets;
    throw notStarted(call);
  }

  private searchFor(object: ObjectState, frame: Frame): Search {
    const { side } = this.regionAbout(object.box);
    const elsewhere = redetectBox(object.box, frame, side, object.lostFor, this.config.redetect);
    const from = elsewhere ?? object.box;
    return { from, elsewhere: elsewhere !== undefined, region: this.regionAbout(from) };
  }

  private regionAbout(box: FrameBox): SearchRegion {
    return searchRegion(box, this.config.search.factor, this.head.model.geometry.cropSize);
  }

  /** Room for crops, the same each time: a new megabyte a frame has to be cleared, and collected. */
  private inputOf(count: number): FloatTensor {
    const size = this.head.model.geometry.cropSize;
    const length = 3 * size * size * count;
    if (this.input.length < length) this.input = new Float32Array(length);
    const dims = this.networks.entry.input.layout === 'NCHW' ? [count, 3, size, size] : [count, size, size, 3];
    return { data: this.input.subarray(0, length), dims };
  }

  /** What the networks say of each object's region: BATCH crops at once. */
  private async look(frame: Frame, searches: readonly Search[], targets: readonly Target[]): Promise<View[]> {
    const { stopwatch, networks } = this;
    const views: View[] = [];
    for (let at = 0; at < targets.length; at += BATCH) {
      const batch = searches.slice(at, at + BATCH);
      const regions = batch.map(({ region }) => region);
      const [crops, grids] = await stopwatch.time('crop', async () => {
        const cropped = this.crop(frame, regions);
        return [cropped, regions.map((_, index) => this.gridOf(cropped, index))] as const;
      });
      const sights = await networks.search(crops, targets.slice(at, at + BATCH));
      views.push(...sights.map((sight, index) => ({ ...sight, grid: grids[index]! })));
    }
    return views;
  }

  /** Colours of one crop of a batch. */
  private gridOf({ data }: FloatTensor, index: number): ColourGrid {
    const { cropSize } = this.head.model.geometry;
    const length = 3 * cropSize * cropSize;
    return colourGrid(data.subarray(index * length, (index + 1) * length), cropSize, this.networks.entry.input);
  }

  /** Regions of the frame as the backbone takes them; the tensor is valid until the next call. */
  private crop(frame: Frame, regions: readonly SearchRegion[]): FloatTensor {
    const crops = this.inputOf(regions.length);
    for (const [index, region] of regions.entries())
      resampleInput(frame, regionWindow(region), this.networks.entry.input, crops.data, index);
    return crops;
  }

  private cropMirrored(frame: Frame, region: SearchRegion): FloatTensor {
    const crop = this.inputOf(1);
    const rgb = resample(frame, regionWindow(region));
    mirror(rgb, region.out);
    writeInput(rgb, this.networks.entry.input, crop.data, 0);
    return crop;
  }

  /**
   * The proposal of this frame: the learned one with the response and other evidence of the place added to its logits; half of its mass takes
   * sizes from the size prior, so that the posterior over size is covered.
   * @param terms evidence of the place
   */
  private drawProposal(raw: Float32Array, base: CropBox, response: Response, terms: readonly LogTerm[]): Mixture {
    const { posterior } = this.config;
    const places = cellPlaces(response.axis, base);
    const learned = decodeProposal(raw, places);
    const y = new Float32Array(4);
    for (let k = 0; k < learned.logits.length; k++) {
      y[0] = places[2 * k]!;
      y[1] = places[2 * k + 1]!;
      learned.logits[k] = terms.reduce(
        (sum, term) => sum + term(y, 0),
        posterior.proposalLogit * learned.logits[k]! + posterior.evidence * response.scores[k]!,
      );
    }
    const limit = (value: number): number => Math.min(posterior.proposalMaxLogSigma, value);
    const narrow = { ...learned, logSigmas: learned.logSigmas.map(limit) };
    const sized = {
      logits: narrow.logits,
      means: narrow.means.map((value, i) => (i % 4 < 2 ? value : 0)),
      logSigmas: narrow.logSigmas.map((value, i) => (i % 4 < 2 ? value : Math.log(posterior.size))),
    };
    return evenMix(narrow, sized);
  }
}

/** The figures that confidence is made from. */
function weigh(response: Response, place: CropBox, estimate: Estimate, firstEnergy: number): Evidence {
  const { axis, scores } = response;
  let rival = 0;
  for (let i = 0; i < scores.length; i++) {
    const dx = (axis.stride * (i % axis.cells) + axis.offset - place.cx) / place.w;
    const dy = (axis.stride * Math.floor(i / axis.cells) + axis.offset - place.cy) / place.h;
    if (Math.max(Math.abs(dx), Math.abs(dy)) > 1) rival = Math.max(rival, scores[i]!);
  }
  const spread = Math.sqrt(estimate.sigma.reduce((sum, value) => sum + value * value, 0) / estimate.sigma.length);
  return {
    response: responseAt(response, place.cx, place.cy).value,
    rival,
    spread,
    effectiveShare: estimate.effectiveShare,
    energy: estimate.best / firstEnergy,
    logZ: estimate.logZ,
  };
}

/** Which published tracker a checkpoint is: by the names and shapes of its tensors, and where those are the same, by what it says of its training. */
import path from 'node:path';
import { PickledRecord, type Pickled, type PickledDict } from '../io/pickle.js';
import {
  BOX_HEAD,
  COUNTER_ENDING,
  INITIALISER,
  OPTIMISER,
  batchNorms,
  unusedShapes,
  usedShapes,
  type Architecture,
  type Depth,
  type Family,
  type Shapes,
} from './architecture.js';
import { TRACKER_IDS, TRACKERS, type TrackerId } from './trackers.js';

/** Told why a checkpoint cannot be imported, and what to do; throws. */
export type Refuse = (why: string, hint?: string) => never;

/** Metadata of a checkpoint that tells how it was made. */
export interface Provenance {
  /** Name of the network's class. */
  readonly netType: string | undefined;
  /** Arguments that the network was built with. */
  readonly kwds: PickledDict | undefined;
  /** Name of the training settings, such as "ltr/dimp/super_dimp". */
  readonly projectPath: string | undefined;
  readonly fileName: string;
}

export function provenanceOf(root: PickledDict, file: string): Provenance {
  const text = (value: Pickled | undefined): string | undefined => (typeof value === 'string' ? value : undefined);
  const kwds = fieldOf(root.get('constructor'), 'kwds');
  return {
    netType: text(root.get('net_type')),
    kwds: kwds instanceof Map ? kwds : undefined,
    projectPath: text(fieldOf(root.get('settings'), 'project_path')),
    fileName: path.basename(file),
  };
}

function fieldOf(record: Pickled | undefined, name: string): Pickled | undefined {
  return record instanceof PickledRecord && record.state instanceof Map ? record.state.get(name) : undefined;
}

const SUPPORTED = 'DiMP, PrDiMP and SuperDiMP can be imported';

/** The architecture that has tensors of these names and shapes: exactly these, but for what is not used. */
export function findArchitecture(shapes: Shapes, { netType }: Provenance, refuse: Refuse): Architecture {
  const named = netType === undefined || netType === 'DiMPnet' ? '' : ` (it calls itself ${netType})`;
  const has = (name: string): boolean => Object.hasOwn(shapes, name);
  const foreign = (why: string): never => refuse(`${why}${named}`, SUPPORTED);
  if (named !== '' && netType !== 'ATOMnet') foreign('it is another network');
  if (!Object.keys(shapes).some((name) => name.startsWith('classifier.')))
    foreign(
      has(`${BOX_HEAD}.iou_predictor.weight`) ? 'it is ATOM, which has another classifier' : 'it has no classifier',
    );
  const family = familyOf(has) ?? foreign('its classifier is none of DiMP');
  const depth: Depth = has('feature_extractor.layer1.0.conv3.weight') ? 50 : 18;
  const first = (name: string): number => shapes[name]?.[0] ?? 0;
  const widths = {
    stem: first('feature_extractor.conv1.weight'),
    filter: first(`${INITIALISER}.bias`),
    fine: first(`${BOX_HEAD}.conv3_2t.0.bias`),
    coarse: first(`${BOX_HEAD}.conv4_2t.0.bias`),
    fineDense: first(`${BOX_HEAD}.fc3_rt.linear.bias`),
    coarseDense: first(`${BOX_HEAD}.fc4_rt.linear.bias`),
  };
  const empty = Object.entries(widths).find(([, width]) => width === 0);
  if (empty) refuse(`it has no channels in ${empty[0]}: tensors are missing or empty`);
  const architecture: Architecture = { family, depth, widths };
  checkShapes(shapes, architecture, refuse);
  return architecture;
}

function familyOf(has: (name: string) => boolean): Family | undefined {
  if (has(`${OPTIMISER}.label_map_predictor.weight`)) return 'dimp';
  if (has(`${OPTIMISER}.residual_module.filter_reg`)) return 'simple';
  return has(`${OPTIMISER}.filter_reg`) ? 'prdimp' : undefined;
}

function checkShapes(shapes: Shapes, architecture: Architecture, refuse: Refuse): void {
  const used = usedShapes(architecture);
  const unused = unusedShapes(architecture);
  const counters = batchNorms({ ...used, ...unused }).map((norm) => [`${norm}${COUNTER_ENDING}`, []] as const);
  const known: Shapes = { ...used, ...unused, ...Object.fromEntries(counters) };
  const what = `a ${architecture.family} network with ResNet-${architecture.depth}`;
  const missing = Object.keys(used).filter((name) => !Object.hasOwn(shapes, name));
  if (missing.length > 0) refuse(`${missing.length} tensors of ${what} are missing: ${listed(missing)}`);
  const strange = Object.keys(shapes).filter((name) => !Object.hasOwn(known, name));
  if (strange.length > 0)
    refuse(`${strange.length} tensors belong to no ${what.slice(2)}: ${listed(strange)}`, SUPPORTED);
  for (const [name, shape] of Object.entries(shapes)) {
    const expected = known[name]!;
    if (shape.join() !== expected.join()) refuse(`${name} is [${shape.join(', ')}], expected [${expected.join(', ')}]`);
  }
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, 3).map((name) => (name.length > 80 ? `${name.slice(0, 80)}...` : name));
  return names.length > shown.length ? `${shown.join(', ')} ...` : shown.join(', ');
}

/** Which tracker, and why. */
export interface Identified {
  readonly tracker: TrackerId;
  readonly why: string;
}

/** @param like the tracker that the user says it is */
export function identify(
  { family, depth }: Architecture,
  provenance: Provenance,
  like: TrackerId | undefined,
  refuse: Refuse,
): Identified {
  const found = `a ${family} classifier and ResNet-${depth}`;
  if (like !== undefined) {
    const { title, family: expected } = TRACKERS[like];
    if (expected !== family) refuse(`it has ${found}; ${title} has a ${expected} classifier`, 'leave out --like');
    return { tracker: like, why: `asked for with --like; it has ${found}` };
  }
  const candidates = TRACKER_IDS.filter((id) => TRACKERS[id].family === family && TRACKERS[id].depth === depth);
  const [first, second] = candidates;
  if (first === undefined) {
    const rules = TRACKER_IDS.filter((id) => TRACKERS[id].family === family).join(' or ');
    return refuse(`it has ${found}, as no published tracker has`, `say by which rules it is to track: --like ${rules}`);
  }
  if (second === undefined) return { tracker: first, why: `it has ${found}` };
  return (
    superOrNot(provenance) ??
    refuse(
      'dimp50 and super_dimp have the same tensors, and it does not say which it is',
      'say it: --like super_dimp or --like dimp50',
    )
  );
}

/** Deviation of the label that SuperDiMP was trained with, and DiMP. */
const SUPER_SIGMA = 0.9167;
const PLAIN_SIGMA = 0.9;

/** SuperDiMP and DiMP-50 differ in how they were trained. */
function superOrNot({ projectPath, kwds, fileName }: Provenance): Identified | undefined {
  const ending = /(super_?dimp|dimp50)$/.exec(projectPath ?? '')?.[1];
  const verdict = (isSuper: boolean, why: string): Identified => ({ tracker: isSuper ? 'super_dimp' : 'dimp50', why });
  if (ending !== undefined) return verdict(ending !== 'dimp50', `its training was called ${projectPath}`);
  const frozen = kwds?.get('frozen_backbone_layers');
  if (Array.isArray(frozen) && frozen.includes('layer2'))
    return verdict(true, 'its backbone was kept up to layer2 in training (frozen_backbone_layers)');
  const sigma = kwds?.get('init_gauss_sigma');
  const near = (value: number): boolean => typeof sigma === 'number' && Math.abs(sigma - value) < 1e-3;
  if (near(SUPER_SIGMA) || near(PLAIN_SIGMA)) return verdict(near(SUPER_SIGMA), `init_gauss_sigma is ${String(sigma)}`);
  const name = /super_?dimp|dimp_?50/i.exec(fileName)?.[0];
  return name === undefined ? undefined : verdict(/super/i.test(name), `its file is called ${fileName}`);
}

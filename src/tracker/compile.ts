/** Every graph of a head, from its weights. */
import { compileHead } from '../ebm/engines/compile.js';
import type { HeadModel } from '../ebm/head.js';
import { HEAD_GRAPH_NAMES, TARGET_GRAPH_NAMES, type GraphName, type TargetGraphName } from '../ebm/load.js';
import { compileTarget } from '../target/compile.js';

/** The bytes of one graph; a tenth of a second at most, so nothing of it is kept on disk. */
export function compileGraph(model: HeadModel, name: GraphName): Uint8Array {
  return isTarget(name) ? compileTarget(model, name) : compileHead(model, name);
}

const isTarget = (name: GraphName): name is TargetGraphName => TARGET_GRAPH_NAMES.some((other) => other === name);

export function compileGraphs(model: HeadModel): Record<GraphName, Uint8Array> {
  const names = [...HEAD_GRAPH_NAMES, ...TARGET_GRAPH_NAMES];
  return Object.fromEntries(names.map((name) => [name, compileGraph(model, name)])) as Record<GraphName, Uint8Array>;
}

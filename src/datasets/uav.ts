/** UAV123 and UAV20L (Mueller, Smith, Ghanem, ECCV 2016): sequences are ranges of frames of longer folders, told by configSeqs.m. */
import path from 'node:path';
import { readGroundTruth } from './ground-truth.js';
import { TrackerError } from '../errors.js';
import { readTextFile } from '../io/text-file.js';
import { exists, filesIn, imageSequence, oneOf, required, type Dataset } from './layout.js';

interface Range {
  readonly folder: string;
  /** Image, from 1. */
  readonly first: number;
}

/** struct('name','bike1',...,'path','...\\data_seq\\UAV123\\bike1\\','startFrame',1,'endFrame',3085,...) */
function parseConfig(text: string): Map<string, Range[]> {
  const ranges = new Map<string, Range[]>();
  for (const [, fields] of text.matchAll(/struct\(([^)]*)\)/g)) {
    const value = (key: string): string | undefined =>
      new RegExp(String.raw`'${key}'\s*,\s*'?([^',]*)'?`).exec(fields!)?.[1];
    const name = value('name');
    const folder = value('path')
      ?.split(/[\\/]+/)
      .filter((part) => part !== '')
      .at(-1);
    if (name === undefined || folder === undefined) continue;
    const range = { folder, first: Number(value('startFrame') ?? 1) };
    ranges.set(name, [...(ranges.get(name) ?? []), range]);
  }
  return ranges;
}

function uav(name: string, title: string, set: string): Dataset {
  const dataset: Dataset = {
    name,
    title,
    protocol: 'uav',
    layout: `ROOT/data_seq/UAV123/FOLDER/%06d.jpg, ROOT/anno/${set}/SEQ.txt and ROOT/configSeqs.m`,
    async list(root) {
      const folder = path.join(root, 'anno', set);
      return required(await filesIn(folder, '.txt'), folder, dataset);
    },
    async read(root, sequence) {
      const boxes = await readGroundTruth(await oneOf(root, [path.join('anno', set, `${sequence}.txt`)], dataset));
      const { folder, first } = await rangeOf(root, sequence, dataset);
      const frames = await oneOf(
        root,
        [path.join('data_seq', set, folder), path.join('data_seq', 'UAV123', folder)],
        dataset,
      );
      return imageSequence(sequence, frames, boxes, { start: first - 1 });
    },
  };
  return dataset;
}

/** Folder of a sequence and number of its first frame. The sets share names but not ranges: the entry whose path names the set comes first. */
async function rangeOf(root: string, sequence: string, { layout }: Dataset): Promise<Range> {
  for (const file of ['configSeqs.m', path.join('anno', 'configSeqs.m')].map((one) => path.join(root, one))) {
    if (!(await exists(file))) continue;
    const found = parseConfig(await readTextFile(file, { what: 'file' })).get(sequence);
    if (found) return layout.includes('UAV20L') ? found.at(-1)! : found[0]!;
  }
  if (await exists(path.join(root, 'data_seq', 'UAV123', sequence))) return { folder: sequence, first: 1 };
  throw new TrackerError('DATA_INVALID', `sequence ${sequence} of ${root}: its range of frames is not known`, {
    hint: `configSeqs.m of the data set's toolkit belongs into ROOT; expected layout: ${layout}`,
  });
}

export const UAV: readonly Dataset[] = [
  uav('uav123', 'UAV123', 'UAV123'),
  uav('uav20l', 'UAV20L, the 20 long sequences', 'UAV20L'),
];

/** ebm-tracker import: a published tracker's checkpoint becomes a file for --head. */
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import type { Command } from 'commander';
import { messageOf, TrackerError } from '../errors.js';
import { writeSafetensors } from '../io/safetensors-file.js';
import { formatPublished, type Recipe } from '../published/file.js';
import { importCheckpoint, type Imported } from '../published/import.js';
import { measureLook } from '../published/networks.js';
import { TRACKER_IDS, TRACKERS, type TrackerId } from '../published/trackers.js';
import type { Terminal } from './terminal.js';

interface ImportOptions {
  out: string;
  like?: string;
}

const ENDING = '.safetensors';

export function addImportCommand(program: Command, terminal: Terminal): void {
  program
    .command('import')
    .description(
      'make a published tracker (DiMP, PrDiMP, SuperDiMP) run here: its checkpoint becomes a file for --head',
    )
    .argument('<checkpoint>', 'the .pth or .pth.tar that its authors offer; nothing in it is executed')
    .requiredOption('--out <name>', 'the new file, NAME.safetensors')
    .option('--like <tracker>', `which tracker it is, where the file does not tell: ${TRACKER_IDS.join(', ')}`)
    .action(async (checkpoint: string, { out, like }: ImportOptions) => {
      const file = out.endsWith(ENDING) ? out : `${out}${ENDING}`;
      const tracker = parseTracker(like);
      await checkOut(file, checkpoint);
      const imported = await importCheckpoint(checkpoint, tracker);
      const bytes = await write(file, imported);
      terminal.stdout.write(report(imported, file, bytes, await costText(imported)));
    });
}

function parseTracker(like: string | undefined): TrackerId | undefined {
  const known = TRACKER_IDS.find((id) => id === like);
  if (like !== undefined && !known)
    throw new TrackerError('OPTION_INVALID', `--like "${like}": expected one of ${TRACKER_IDS.join(', ')}`, {
      hint: 'leave it out: most files tell what they are',
    });
  return known;
}

const failed = (file: string, cause: unknown): TrackerError =>
  new TrackerError('OUTPUT_FAILED', `output ${file}: cannot be written (${messageOf(cause)})`, {
    hint: 'name a folder that is there and that you may write to, on a disk with room',
    cause,
  });

async function checkOut(file: string, checkpoint: string): Promise<void> {
  if (path.resolve(file) === path.resolve(checkpoint))
    throw new TrackerError('OPTION_INVALID', `--out ${file}: it is the checkpoint itself`, {
      hint: 'name another file',
    });
  await access(path.dirname(path.resolve(file)), constants.W_OK).catch((cause: unknown) => {
    throw failed(file, cause);
  });
}

async function write(file: string, { model }: Imported): Promise<number> {
  const content = formatPublished(model);
  await writeSafetensors(file, content).catch((cause: unknown) => {
    throw failed(file, cause);
  });
  return Object.values(content.tensors).reduce((sum, { data }) => sum + data.byteLength, 0);
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

/** Time of its largest graph on this machine. Where that cannot run, the file is good all the same: tracking will say why. */
async function costText({ model }: Imported): Promise<string> {
  const threads = availableParallelism();
  const seconds = await measureLook(model, threads).catch(() => undefined);
  if (seconds === undefined) return 'not measured: its networks do not run here (ebm-tracker doctor says why)';
  return `its networks take ${seconds.toFixed(2)} s a frame here, on ${threads} thread(s); boxes and filter about a quarter more`;
}

/** Report of an import: the tracker and how it was recognised, the file that was written, its cost and accuracy. */
function report(
  { model: { recipe }, container, tensors }: Imported,
  file: string,
  bytes: number,
  cost: string,
): string {
  const { tracker, why, source, rules } = recipe;
  const { title } = TRACKERS[tracker];
  const rows: readonly (readonly [string, string])[] = [
    ['tracker', `${title}: ${why}`],
    ['network', `${networkText(recipe)}, ${tensors} tensors (${container === 'zip' ? 'zip' : 'before PyTorch 1.6'})`],
    ['source', `${source.file}, ${megabytes(source.bytes)}, sha256 ${source.sha256}`],
    ['rules', `${rulesText(rules)}; filter ${settingsText(recipe)}`],
    ['expect', expectText(recipe)],
    ['cost', cost],
    ['wrote', `${file}, ${megabytes(bytes)}`],
    ['use it', `ebm-tracker track VIDEO --box x,y,w,h --head ${file.slice(0, -ENDING.length)}`],
  ];
  return rows.map(([name, text]) => `${name.padEnd(9)}${text}\n`).join('');
}

function networkText({ family, depth }: Recipe): string {
  return `${{ dimp: 'DiMP', prdimp: 'PrDiMP', simple: 'DiMPSimple' }[family]} classifier, ResNet-${depth}`;
}

function rulesText({ size, area, border, steps, space, notFound }: Recipe['rules']): string {
  const edge = border === 'replicate' ? 'border repeated' : 'moved into the frame';
  const unit = space === 'relative' ? 'in relative space' : 'in pixels';
  return `crops of ${size} px, ${area} times the box, ${edge}; ${steps} steps ${unit}; not found below ${notFound}`;
}

function settingsText({ filter }: Recipe): string {
  switch (filter.family) {
    case 'dimp':
      return `with a label learned in steps of ${filter.bin} cells`;
    case 'prdimp':
      return `with a label of deviation ${filter.sigma} cells`;
    case 'simple':
      return `with a hinge at ${filter.hinge}, leak ${filter.leak}`;
  }
}

function expectText({ tracker }: Recipe): string {
  const { lasot, trackingnet } = TRACKERS[tracker].figures;
  const other = trackingnet === undefined ? '' : `; TrackingNet ${trackingnet.toFixed(1)} by its server, one run`;
  return `its authors' figures: LaSOT ${lasot.toFixed(1)} by the official protocol (ebm-tracker evaluate lasot), mean of five runs${other}`;
}

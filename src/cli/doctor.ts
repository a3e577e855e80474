/**
 * ebm-tracker doctor: what is there, what will be used and why, what is missing and the command that mends it. Each part is loaded in its own
 * check: one that cannot be loaded is told of, and the others are looked at all the same.
 */
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import type { Command } from 'commander';
import { messageOf, TrackerError } from '../errors.js';
import { NATIVE_TENSORFLOW_HINT } from '../runtime/native-binding.js';
import type { TensorflowBackend } from '../runtime/tensorflow.js';
import type { Binary } from '../video/binaries.js';
import type { Terminal } from './terminal.js';

/** ok: used. optional: not there, and tracking does without. broken: tracking needs it. */
type Status = 'ok' | 'optional' | 'broken';

export interface Check {
  readonly name: string;
  readonly status: Status;
  readonly detail: string;
  /** Why this one; what was passed over. */
  readonly reasons: readonly string[];
  /** Commands that mend or better it. */
  readonly mend: readonly string[];
}

const CUDA = 'node node_modules/onnxruntime-node/script/install.js --onnxruntime-node-install=cuda12';

/** Command that installs a TensorFlow.js backend that did not open. */
const BACKEND_MEND: Partial<Record<TensorflowBackend, string>> = {
  'node-gpu': 'npm i @tensorflow/tfjs-node-gpu@4.22.0',
  native: NATIVE_TENSORFLOW_HINT,
};

type Finding = Omit<Check, 'name' | 'status'>;

interface Part {
  readonly name: string;
  /** Tracking does not work without it. */
  readonly needed: boolean;
  /** Throws where it does not work. */
  readonly look: () => Promise<Finding>;
}

const PARTS: readonly Part[] = [
  { name: 'node', needed: true, look: lookAtNode },
  { name: 'tracker', needed: true, look: lookAtTracker },
  { name: 'pictures', needed: true, look: lookAtPictures },
  // tracking with the engine onnx, the default, does without
  { name: 'tensorflow.js', needed: false, look: lookAtTensorflow },
  { name: 'ffmpeg', needed: true, look: lookAtFfmpeg },
];

export function addDoctorCommand(program: Command, terminal: Terminal, setExitCode: (code: number) => void): void {
  program
    .command('doctor')
    .description('tell what is installed, what will be used and why, and what mends the rest')
    .option('--json', 'the same as JSON')
    .action(async ({ json }: { json?: boolean }) => {
      const checks: Check[] = [];
      for (const part of PARTS) checks.push(await check(part));
      const works = checks.every(({ status }) => status !== 'broken');
      terminal.stdout.write(json ? `${JSON.stringify({ works, checks }, undefined, 2)}\n` : report(checks, works));
      setExitCode(works ? 0 : 1);
    });
}

async function check({ name, needed, look }: Part): Promise<Check> {
  try {
    return { name, status: 'ok', ...(await look()) };
  } catch (error) {
    const known = error instanceof TrackerError;
    const detail = `${known ? `${error.code}: ` : ''}${messageOf(error)}`.replaceAll(/\s*\n\s*/g, '; ');
    const mend = [known ? error.hint : 'npm ci --include=optional, or remove node_modules and run npm install'];
    return { name, status: needed ? 'broken' : 'optional', detail, reasons: [], mend };
  }
}

async function lookAtNode(): Promise<Finding> {
  const detail = `Node ${process.versions.node}, ${process.platform} ${process.arch}, ${availableParallelism()} core(s)`;
  return { detail, reasons: [], mend: [] };
}

/** Size of the grey picture that the trials use. */
const TRIAL_SIZE = 64;
const trialPicture = () => ({
  data: new Uint8Array(3 * TRIAL_SIZE * TRIAL_SIZE).fill(128),
  width: TRIAL_SIZE,
  height: TRIAL_SIZE,
});

/** A real trial: models, runtime and head over two frames, as `track` uses them. */
async function lookAtTracker(): Promise<Finding> {
  await refuseCrash('onnxruntime-node');
  const { createTracker } = await import('../node/open.js');
  const tracker = await createTracker();
  try {
    const frame = { ...trialPicture(), index: 0, time: 0 };
    await tracker.init(frame, { x: 16, y: 16, w: 32, h: 32 });
    await tracker.update(frame);
    const { engine, device, threads, weights, reasons } = tracker.description;
    return {
      detail: `engine ${engine} on ${device}, ${threads} thread(s), weights ${weights.slice(0, 12)}`,
      reasons,
      mend: device === 'cpu' ? [`${CUDA}   # NVIDIA GPU, Linux x64`] : [],
    };
  } finally {
    await tracker.release();
  }
}

/** Folders of pictures and the page need it. */
async function lookAtPictures(): Promise<Finding> {
  await refuseCrash('sharp');
  const { loadSharp } = await import('../image/sharp.js');
  const { sharp, vips } = (await loadSharp()).versions;
  const { encodeJpeg } = await import('../image/jpeg.js');
  await encodeJpeg(trialPicture(), TRIAL_SIZE);
  return { detail: `sharp ${sharp}, libvips ${vips}`, reasons: [], mend: [] };
}

async function lookAtTensorflow(): Promise<Finding> {
  const { openTensorflow } = await import('../runtime/tensorflow.js');
  const { backend, version, reason, tried } = await openTensorflow();
  return {
    detail: `backend ${backend} (${version}), for --engine tfjs and training`,
    reasons: [reason, ...tried.map((other) => `${other.backend}: ${other.reason}`)],
    mend: tried.map((other) => BACKEND_MEND[other.backend]).filter((command) => command !== undefined),
  };
}

async function lookAtFfmpeg(): Promise<Finding> {
  const { findBinaries, oldBuildNote } = await import('../video/binaries.js');
  const describe = ({ path, source, version }: Binary): string => `${path} (from ${source}): ${version}`;
  const found = await findBinaries().catch((error: unknown) => {
    throw isNowhere(error) ? withCommand(error) : error;
  });
  const { ffmpeg, ffprobe, passedOver } = found;
  const old = oldBuildNote(found);
  const reasons = [...(old ? [old.note] : []), describe(ffprobe), ...passedOver];
  return { detail: describe(ffmpeg), reasons, mend: old ? [old.mend] : [] };
}

/** Tells that there is no ffmpeg at all, as opposed to one that was named and does not run. */
function isNowhere(error: unknown): error is TrackerError {
  const named = process.env['FFMPEG_PATH'] ?? process.env['FFPROBE_PATH'];
  return error instanceof TrackerError && error.code === 'FFMPEG_MISSING' && !named;
}

const FFMPEG_MEND: Partial<Record<NodeJS.Platform, string>> = {
  darwin: 'brew install ffmpeg',
  win32: 'winget install ffmpeg',
  linux: 'sudo apt-get install ffmpeg, or the same with the package manager of your system',
};

function withCommand({ code, message, hint, cause }: TrackerError): TrackerError {
  const command = FFMPEG_MEND[process.platform];
  return new TrackerError(code, message, { hint: command === undefined ? hint : `${command}; ${hint}`, cause });
}

/** Long enough for a first load from a slow disk. */
const LOAD_TIMEOUT_MS = 60_000;

/**
 * A library that was built for newer processors, or is damaged in the middle, does not throw: it ends the process. So it is loaded in another
 * one first.
 * @throws TrackerError RUNTIME_UNAVAILABLE where that one was ended; what only throws is told of by whoever loads it here
 */
async function refuseCrash(name: string): Promise<void> {
  const { capture } = await import('../video/command.js');
  const file = fileOf(name);
  if (file === undefined) return;
  const { failure } = await capture(process.execPath, ['-e', `require(${JSON.stringify(file)})`], LOAD_TIMEOUT_MS);
  if (failure === undefined || failure === 'exit code 1') return;
  throw new TrackerError('RUNTIME_UNAVAILABLE', `${name} ends the process that loads it (${failure})`, {
    hint: 'npm ci --include=optional, or remove node_modules and run npm install; a processor that is too old for the library stays so',
  });
}

function fileOf(name: string): string | undefined {
  try {
    return createRequire(import.meta.url).resolve(name);
  } catch {
    return undefined; // not there: whoever loads it here says so
  }
}

function report(checks: readonly Check[], works: boolean): string {
  const lines = checks.flatMap(({ name, status, detail, reasons, mend }) => [
    `${status.padEnd(8)}  ${name}: ${detail}`,
    ...reasons.map((reason) => `          ${reason}`),
    ...mend.map((command) => `          ${status === 'ok' ? 'for more' : 'to mend'}: ${command}`),
  ]);
  return `${lines.join('\n')}\n${works ? 'tracking works' : 'tracking does not work: see above'}\n`;
}

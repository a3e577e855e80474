/** ebm-tracker doctor: what is there, what will be used and why, what is missing and the command that mends it. */
import { availableParallelism } from 'node:os';
import type { Command } from 'commander';
import { messageOf, TrackerError } from '../errors.js';
import { createTracker } from '../tracker/tracker.js';
import { openTensorflow, type TensorflowBackend } from '../runtime/tensorflow.js';
import { findBinaries, oldBuildNote, type Binary } from '../video/binaries.js';
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

/** What brings a TensorFlow.js backend that did not open. */
const BACKEND_MEND: Partial<Record<TensorflowBackend, string>> = {
  'node-gpu': 'npm i @tensorflow/tfjs-node-gpu@4.22.0',
  native: 'npm run native-tensorflow',
};

export function addDoctorCommand(program: Command, terminal: Terminal, setExitCode: (code: number) => void): void {
  program
    .command('doctor')
    .description('tell what is installed, what will be used and why, and what mends the rest')
    .option('--json', 'the same as JSON')
    .action(async ({ json }: { json?: boolean }) => {
      const checks = [checkNode(), await checkTracker(), await checkTensorflow(), await checkFfmpeg()];
      const works = checks.every(({ status }) => status !== 'broken');
      terminal.stdout.write(json ? `${JSON.stringify({ works, checks }, undefined, 2)}\n` : report(checks, works));
      setExitCode(works ? 0 : 1);
    });
}

function checkNode(): Check {
  const detail = `Node ${process.versions.node}, ${process.platform} ${process.arch}, ${availableParallelism()} core(s)`;
  return { name: 'node', status: 'ok', detail, reasons: [], mend: [] };
}

/** Size of the grey picture that the trial tracks in. */
const TRIAL_SIZE = 64;

/** A real trial: models, runtime and head over two frames, as `track` uses them. */
async function checkTracker(): Promise<Check> {
  const name = 'tracker';
  try {
    const tracker = await createTracker();
    try {
      const data = new Uint8Array(3 * TRIAL_SIZE * TRIAL_SIZE).fill(128);
      const frame = { data, width: TRIAL_SIZE, height: TRIAL_SIZE, index: 0, time: 0 };
      await tracker.init(frame, { x: 16, y: 16, w: 32, h: 32 });
      await tracker.update(frame);
      const { engine, device, threads, weights, reasons } = tracker.description;
      const detail = `engine ${engine} on ${device}, ${threads} thread(s), weights ${weights.slice(0, 12)}`;
      return {
        name,
        status: 'ok',
        detail,
        reasons,
        mend: device === 'cpu' ? [`${CUDA}   # NVIDIA GPU, Linux x64`] : [],
      };
    } finally {
      await tracker.release();
    }
  } catch (error) {
    return broken(name, error);
  }
}

/** Tracking with the engine onnx, the default, does without TensorFlow. */
async function checkTensorflow(): Promise<Check> {
  const name = 'tensorflow.js';
  try {
    const { backend, version, reason, tried } = await openTensorflow();
    return {
      name,
      status: 'ok',
      detail: `backend ${backend} (${version}), for --engine tfjs and training`,
      reasons: [reason, ...tried.map((other) => `${other.backend}: ${other.reason}`)],
      mend: tried.map((other) => BACKEND_MEND[other.backend]).filter((command) => command !== undefined),
    };
  } catch (error) {
    return { ...broken(name, error), status: 'optional' };
  }
}

async function checkFfmpeg(): Promise<Check> {
  const name = 'ffmpeg';
  const describe = ({ path, source, version }: Binary): string => `${path} (from ${source}): ${version}`;
  try {
    const found = await findBinaries();
    const { ffmpeg, ffprobe, passedOver } = found;
    const old = oldBuildNote(found);
    const reasons = [...(old ? [old.note] : []), describe(ffprobe), ...passedOver];
    return { name, status: 'ok', detail: describe(ffmpeg), reasons, mend: old ? [old.mend] : [] };
  } catch (error) {
    return broken(name, error);
  }
}

function broken(name: string, error: unknown): Check {
  const code = error instanceof TrackerError ? `${error.code}: ` : '';
  const mend = error instanceof TrackerError ? [error.hint] : [];
  return { name, status: 'broken', detail: `${code}${messageOf(error)}`, reasons: [], mend };
}

function report(checks: readonly Check[], works: boolean): string {
  const lines = checks.flatMap(({ name, status, detail, reasons, mend }) => [
    `${status.padEnd(8)}  ${name}: ${detail}`,
    ...reasons.map((reason) => `          ${reason}`),
    ...mend.map((command) => `          ${status === 'ok' ? 'for more' : 'to mend'}: ${command}`),
  ]);
  return `${lines.join('\n')}\n${works ? 'tracking works' : 'tracking does not work: see above'}\n`;
}

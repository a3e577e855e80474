/** What a result file says of how it was made. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { sha256Of } from '../src/hash.js';
import type { TrackerOptions } from '../src/config.js';

export interface Origin {
  readonly command: string;
  readonly config: TrackerOptions;
  readonly configHash: string;
  /** sha256 of the head's weights; undefined for a head that is no part of the manifest. */
  readonly weights: string | undefined;
  readonly versions: Readonly<Record<string, string>>;
}

/** @param script name of the npm script; folders of this machine are left out of the command */
export function originOf(script: string, config: TrackerOptions): Origin {
  const manifest = readJson('../models/manifest.json') as {
    heads: Record<string, { sha256: string }>;
    default: { head: string };
  };
  const { dependencies } = readJson('../package.json') as { dependencies: Record<string, string> };
  const given = process.argv.slice(2);
  const command = given
    .filter((part, i) => part !== '--root' && given[i - 1] !== '--root')
    .map((part) => (path.isAbsolute(part) ? path.basename(part) : part))
    .join(' ');
  return {
    command: `npm run ${script} -- --root DIR ${command}`.trim(),
    config,
    configHash: sha256Of(JSON.stringify(config)).slice(0, 12),
    weights: manifest.heads[config.head ?? manifest.default.head]?.sha256,
    versions: { node: process.version, onnxruntime: `onnxruntime-node ${dependencies['onnxruntime-node']}` },
  };
}

function readJson(relative: string): unknown {
  return JSON.parse(readFileSync(new URL(relative, import.meta.url), 'utf8'));
}

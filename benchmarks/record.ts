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

/** Flags whose value is a folder of whoever runs it: the command says DIR. */
const FOLDERS: readonly string[] = ['--root', '--work', '--boxes'];

/** @param bench its name for `npm run bench`; folders of this machine are left out of the command */
export function originOf(bench: string, config: TrackerOptions): Origin {
  const manifest = readJson('../models/manifest.json') as {
    heads: Record<string, { sha256: string }>;
    default: { head: string };
  };
  const { dependencies } = readJson('../package.json') as { dependencies: Record<string, string> };
  const given = process.argv.slice(2);
  const shown = (part: string, i: number): string => {
    if (FOLDERS.includes(given[i - 1] ?? '')) return 'DIR';
    return path.isAbsolute(part) ? path.basename(part) : part;
  };
  return {
    command: `npm run bench -- ${[bench, ...given.map(shown)].join(' ')}`,
    config,
    configHash: sha256Of(JSON.stringify(config)).slice(0, 12),
    weights: manifest.heads[config.head ?? manifest.default.head]?.sha256,
    versions: { node: process.version, onnxruntime: `onnxruntime-node ${dependencies['onnxruntime-node']}` },
  };
}

function readJson(relative: string): unknown {
  return JSON.parse(readFileSync(new URL(relative, import.meta.url), 'utf8'));
}

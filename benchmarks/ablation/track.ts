/** Runs benchmarks/val/run.ts as a process of its own, and reads what it wrote. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { TrackerOptions } from '../../src/config.js';

export interface ValRecord {
  readonly mean: { readonly auc: number; readonly op50: number; readonly op75: number };
  readonly scores: readonly { readonly sequence: string; readonly auc: number }[];
  /** sha256 of the head's weights, of a head of the manifest. */
  readonly weights?: string;
}

/** @param flags of the benchmark val beside --config and --out; @param out its result file */
export function runVal(flags: readonly string[], config: TrackerOptions, out: string): ValRecord {
  const runner = path.resolve(import.meta.dirname, '../val/run.ts');
  const all = [...flags, '--config', JSON.stringify(config), '--out', out];
  execFileSync(process.execPath, [...process.execArgv, runner, ...all], { stdio: ['ignore', 'ignore', 'inherit'] });
  return readRecord(out);
}

export function readRecord(file: string): ValRecord {
  return JSON.parse(readFileSync(file, 'utf8')) as ValRecord;
}

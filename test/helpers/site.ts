/** The static page's own files: without the runtime and the models. */
import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';

/** All of them. */
export async function pageFiles(site: string): Promise<string[]> {
  return (await readdir(site)).filter((name) => isPageFile(name)).toSorted();
}

export const isPageFile = (name: string): boolean => /^[^/]+\.(html|css|js)$/.test(name);

/** Scripts that a minified script imports whenever it is loaded: `from"./x.js"`, not `import("./x.js")`. */
const IMPORTED = /(?:\bfrom|\bimport)\s*"\.\/([^"]+\.js)"/g;
/** Files that are loaded before a video is opened: the page, its worker, the service worker, and what their scripts import. */
const FIRST = ['index.html', 'style.css', 'app.js', 'worker.js', 'sw.js'];

export async function startFiles(site: string): Promise<string[]> {
  const found = new Set(FIRST);
  for (const name of found) {
    const text = await readFile(path.join(site, name), 'utf8');
    for (const [, imported] of text.matchAll(IMPORTED)) found.add(imported!);
  }
  return [...found].toSorted();
}

export async function bytesOf(site: string, names: readonly string[]): Promise<number> {
  const sizes = await Promise.all(names.map(async (name) => (await stat(path.join(site, name))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

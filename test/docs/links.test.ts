/** Every relative link and anchor in the Markdown files of the repository leads somewhere. */
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const ROOT = path.join(import.meta.dirname, '../..');
const SKIPPED = new Set(['node_modules', 'dist', 'dist-docs', '.git']);
const FILES = markdownBelow('');

/** Paths from the root. */
function markdownBelow(folder: string): string[] {
  return readdirSync(path.join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const place = path.posix.join(folder, entry.name);
    if (entry.isDirectory()) return SKIPPED.has(entry.name) ? [] : markdownBelow(place);
    return entry.name.endsWith('.md') ? [place] : [];
  });
}

/** The text without code, in which brackets are no links. */
function proseOf(text: string): string {
  return text.replaceAll(/^(```|~~~)[\s\S]*?^\1/gm, '').replaceAll(/`[^`\n]*`/g, '');
}

/** Targets of links, pictures and reference definitions that lie in the repository. */
function relativeTargets(text: string): string[] {
  const prose = proseOf(text);
  const inline = [...prose.matchAll(/\]\(\s*<?([^\s)>]+)>?(?:\s+"[^"]*")?\s*\)/g)];
  const references = [...prose.matchAll(/^\[[^\]]+\]:\s*<?([^\s>]+)>?/gm)];
  return [...inline, ...references]
    .map(([, target]) => target!)
    .filter((target) => !/^[a-z][a-z0-9+.-]*:/i.test(target));
}

/** Anchors as GitHub makes them of headings; equal headings are numbered. */
function anchorsOf(text: string): Set<string> {
  const seen = new Map<string, number>();
  const anchors = new Set<string>();
  for (const [, heading] of text.replaceAll(/^(```|~~~)[\s\S]*?^\1/gm, '').matchAll(/^#{1,6}\s+(.+?)\s*#*$/gm)) {
    const words = heading!.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
    const slug = words.replaceAll(/[^\p{L}\p{N}\s_-]/gu, '').replaceAll(/\s/g, '-');
    const count = seen.get(slug) ?? 0;
    seen.set(slug, count + 1);
    anchors.add(count === 0 ? slug : `${slug}-${count}`);
  }
  return anchors;
}

/** What is wrong with a link from `file` to `target`; undefined where nothing is. */
function faultOf(file: string, target: string): string | undefined {
  const [place = '', anchor] = target.split('#').map((part) => decodeURIComponent(part));
  const full = place === '' ? path.join(ROOT, file) : path.join(ROOT, path.dirname(file), place);
  if (!full.startsWith(ROOT)) return `${file}: ${target} leads out of the repository`;
  if (!existsSync(full)) return `${file}: ${target} is not there`;
  if (anchor === undefined || statSync(full).isDirectory()) return undefined;
  return anchorsOf(readFileSync(full, 'utf8')).has(anchor) ? undefined : `${file}: ${target} has no such heading`;
}

it('every relative link and anchor leads somewhere', () => {
  const links = FILES.flatMap((file) =>
    relativeTargets(readFileSync(path.join(ROOT, file), 'utf8')).map((target) => ({ file, target })),
  );
  expect(links.length).toBeGreaterThan(50);
  expect(links.map(({ file, target }) => faultOf(file, target)).filter((fault) => fault !== undefined)).toEqual([]);
});

it('links in code are left alone, and dead ones are found', () => {
  const text =
    '[a](gone.md) `[b](code.md)` [c](https://example.org/x.md) [d](#no-such)\n```\n[e](block.md)\n```\n[f]: other.md\n';
  expect(relativeTargets(text)).toEqual(['gone.md', '#no-such', 'other.md']);
  expect(faultOf('README.md', 'gone.md')).toBe('README.md: gone.md is not there');
  expect(faultOf('README.md', 'ARCHITECTURE.md#no-such')).toBe(
    'README.md: ARCHITECTURE.md#no-such has no such heading',
  );
  expect(faultOf('README.md', 'ARCHITECTURE.md#layers')).toBeUndefined();
  expect([...anchorsOf('# A b\n## `c()`: d, e\n## A b\n')]).toEqual(['a-b', 'c-d-e', 'a-b-1']);
});

it('pages of the package link to files of the package', async () => {
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const { stdout } = await promisify(execFile)(npm, ['pack', '--dry-run', '--ignore-scripts', '--json'], { cwd: ROOT });
  const [{ files }] = JSON.parse(stdout) as [{ files: { path: string }[] }];
  const packed = files.map((file) => file.path);
  const dead = packed
    .filter((file) => file.endsWith('.md'))
    .flatMap((file) =>
      relativeTargets(readFileSync(path.join(ROOT, file), 'utf8'))
        .map((target) => path.posix.join(path.posix.dirname(file), target.split('#')[0] || path.posix.basename(file)))
        .filter(
          (target) => !packed.some((other) => other === target || other.startsWith(`${target.replace(/\/$/, '')}/`)),
        )
        .map((target) => `${file}: ${target}`),
    );
  expect(dead).toEqual([]);
});

it('the README names each page of docs/', () => {
  const readme = readFileSync(path.join(ROOT, 'README.md'), 'utf8');
  const pages = FILES.filter((file) => /^docs\/[^/]+\.md$/.test(file));
  expect(pages.filter((page) => !readme.includes(`](${page})`))).toEqual([]);
});

it('npm scripts that a page names are there', () => {
  const { scripts } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as { scripts: object };
  const bench = readFileSync(path.join(ROOT, 'benchmarks/bench.ts'), 'utf8');
  const unknown = FILES.flatMap((file) => {
    const text = readFileSync(path.join(ROOT, file), 'utf8');
    const named = [...text.matchAll(/npm run ([\w:-]+)/g)]
      .map(([, name]) => name!)
      .filter((name) => !(name in scripts));
    const benches = [...text.matchAll(/npm run bench -- ([a-z-]+)/g)].map(([, name]) => name!);
    return [...named, ...benches.filter((name) => !new RegExp(`^  '?${name}'?: '`, 'm').test(bench))].map(
      (name) => `${file}: ${name}`,
    );
  });
  expect(unknown).toEqual([]);
});

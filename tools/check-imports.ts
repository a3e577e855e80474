/**
 * Fails on an import against the direction of the layers, and on a library imported outside its one place.
 *
 *   npx tsx tools/check-imports.ts [DIR]      DIR holds src/; default: the current folder
 *
 * Prints file:line of each offence.
 */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';

/** From the bottom to the top: a file imports from its own row and the rows above it here. */
const LAYERS: readonly (readonly string[])[] = [
  ['errors', 'files', 'hash', 'geometry', 'presets', 'config', 'random', 'result'],
  ['runtime', 'image', 'video', 'io'],
  ['features'],
  ['ebm'],
  ['target'],
  ['tracker', 'published'],
  ['datasets'],
  ['training', 'evaluation'],
  ['web'],
  ['cli', 'index'],
];

interface LibraryRule {
  readonly library: RegExp;
  /** Where it may be imported: paths below src, forward slashes. */
  readonly allowed: RegExp;
  /** A type is gone when the program runs. */
  readonly typesAnywhere: boolean;
}

const LIBRARY_RULES: readonly LibraryRule[] = [
  { library: /^onnx-proto$/, allowed: /^io\/onnx-graph\.ts$/, typesAnywhere: false },
  { library: /^sharp$/, allowed: /^image\//, typesAnywhere: false },
  { library: /^onnxruntime-node$/, allowed: /^runtime\/onnx\.ts$/, typesAnywhere: false },
  { library: /^@tensorflow\//, allowed: /^(runtime\/|training\/|ebm\/engines\/tfjs\.ts$)/, typesAnywhere: true },
  { library: /^fastify$/, allowed: /^web\//, typesAnywhere: true },
  { library: /^workerpool$/, allowed: /^evaluation\/(run-pool|worker)\.ts$/, typesAnywhere: false },
  { library: /^(bullmq|ioredis)$/, allowed: /^evaluation\/queue\.ts$/, typesAnywhere: false },
  { library: /^((node:)?child_process|fluent-ffmpeg)$/, allowed: /^video\//, typesAnywhere: false },
];

interface Import {
  readonly specifier: string;
  /** From 1. */
  readonly line: number;
  readonly typeOnly: boolean;
}

/** Offences of all files under root/src, as "src/file.ts:line: what". */
export function checkImports(root: string): string[] {
  const source = path.join(root, 'src');
  return filesBelow(source).flatMap((file) => {
    const name = path.relative(source, file).split(path.sep).join('/');
    return importsOf(file).flatMap(({ specifier, line, typeOnly }) => {
      const offence = specifier.startsWith('.')
        ? checkDirection(
            name,
            path
              .relative(source, path.resolve(path.dirname(file), specifier))
              .split(path.sep)
              .join('/'),
          )
        : checkLibrary(name, specifier, typeOnly);
      return offence === undefined ? [] : [`src/${name}:${line}: ${offence}`];
    });
  });
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => path.join(entry.parentPath, entry.name))
    .toSorted();
}

/** @param name, target files relative to src */
function checkDirection(name: string, target: string): string | undefined {
  if (target === '../package.json') return undefined;
  if (target.startsWith('../')) return `imports ${target.slice(3)}, which is outside src`;
  const own = layerOf(name);
  const other = layerOf(target);
  if (own === undefined) return `${name} is in no layer: add its folder to LAYERS`;
  if (other === undefined) return `imports ${target}, which is in no layer`;
  return other > own ? `imports ${target}, which is a layer above it` : undefined;
}

function layerOf(name: string): number | undefined {
  const top = name.split('/')[0]!.replace(/\.[jt]s$/, '');
  const layer = LAYERS.findIndex((names) => names.includes(top));
  return layer === -1 ? undefined : layer;
}

function checkLibrary(name: string, specifier: string, typeOnly: boolean): string | undefined {
  const rule = LIBRARY_RULES.find(({ library }) => library.test(specifier));
  if (!rule || rule.allowed.test(name) || (typeOnly && rule.typesAnywhere)) return undefined;
  return `imports ${specifier}, allowed in ${rule.allowed.source} only`;
}

function importsOf(file: string): Import[] {
  const tree = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true);
  const found: Import[] = [];
  const add = (node: ts.Node, specifier: ts.Node | undefined, typeOnly: boolean): void => {
    if (!specifier || !ts.isStringLiteralLike(specifier)) return;
    const line = tree.getLineAndCharacterOfPosition(node.getStart()).line + 1;
    found.push({ specifier: specifier.text, line, typeOnly });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) add(node, node.moduleSpecifier, isTypeOnly(node));
    else if (ts.isExportDeclaration(node)) add(node, node.moduleSpecifier, node.isTypeOnly);
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) add(node, node.argument.literal, true);
    else if (ts.isCallExpression(node) && isImportCall(node.expression)) add(node, node.arguments[0], false);
    ts.forEachChild(node, visit);
  };
  visit(tree);
  return found;
}

/** import(...) and require(...) */
function isImportCall(callee: ts.Expression): boolean {
  return callee.kind === ts.SyntaxKind.ImportKeyword || (ts.isIdentifier(callee) && callee.text === 'require');
}

function isTypeOnly({ importClause }: ts.ImportDeclaration): boolean {
  if (!importClause) return false;
  if (importClause.isTypeOnly) return true;
  const named = importClause.namedBindings;
  return (
    !importClause.name && named !== undefined && ts.isNamedImports(named) && named.elements.every((e) => e.isTypeOnly)
  );
}

if (process.argv[1] === import.meta.filename) {
  const offences = checkImports(process.argv[2] ?? '.');
  for (const offence of offences) console.error(offence);
  if (offences.length > 0) process.exitCode = 1;
}

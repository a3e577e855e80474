/** Leaves out of bundles for browsers what is in libraries, is never called there, and cannot be shaken off: it hangs on objects that are used. */
import { readFile } from 'node:fs/promises';
import type { Plugin } from 'esbuild';

/**
 * Functions of each message in the module that pbjs generated for onnx-proto. Its switches --no-create, --no-verify, --no-convert and
 * --no-delimited leave out the same. What stays is encode(), decode() and the fields.
 */
const UNUSED_FUNCTION =
  /^( *)\w+(?:\.prototype)?\.(?:create|encodeDelimited|decodeDelimited|verify|fromObject|toObject|toJSON) = function [^]*?^\1\};\n/gm;
const UNUSED_NAME = /\.(?:create|verify|fromObject|toObject|(?:en|de)codeDelimited) = /;

/** Every schema of zod carries its converter to JSON Schema; importing modules need the names only. */
const EXPORTED = /^export (?:const|function) (\w+)/gm;
const EXPORTED_UNDER_NAME = /^export \{ \w+ as \w+ \};$/gm;

/** Libraries that leanLibraries() changes, and the change in words, for the list of licences. */
export const LEAN: Readonly<Record<string, string>> = {
  'onnx-proto': 'without the functions that the page does not call',
  zod: 'without its converter to JSON Schema',
};

export const leanLibraries: Plugin = {
  name: 'lean-libraries',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]onnx-proto[\\/]dist[\\/]onnx\.js$/ }, async ({ path }) => {
      const contents = (await readFile(path, 'utf8')).replaceAll(UNUSED_FUNCTION, '');
      const left = UNUSED_NAME.exec(contents)?.[0];
      if (left !== undefined) throw changed(path, `a function "${left.trim()}" in another form`, 'UNUSED_FUNCTION');
      return { contents };
    });
    onLoad(
      { filter: /[\\/]zod[\\/]v4[\\/]core[\\/](json-schema-processors|to-json-schema)\.js$/ },
      async ({ path }) => {
        const text = await readFile(path, 'utf8');
        const names = [...text.matchAll(EXPORTED)].map(([, name]) => `export const ${name} = undefined;`);
        if (names.length === 0) throw changed(path, 'no export', 'EXPORTED');
        return { contents: [...names, ...text.matchAll(EXPORTED_UNDER_NAME)].join('\n') };
      },
    );
  },
};

function changed(path: string, found: string, expression: string): Error {
  return new Error(
    `${path}: found ${found}; the library has changed: adapt ${expression} in tools/lib/lean-libraries.ts`,
  );
}

/** Packages that carry a native library, and the error that tells that one does not load. */
import { messageOf, TrackerError } from '../errors.js';

export interface NativePackage {
  readonly name: string;
  /** Its purpose, as a part of a sentence. */
  readonly purpose: string;
  /** Further options of `npm install`, for a package whose library is a package of its own. */
  readonly install?: readonly string[];
  /** Its own words where that package was not installed. */
  readonly missing?: RegExp;
  /** The platforms that there are builds for. */
  readonly builds: string;
}

/** The package itself is not there, as opposed to a file of it. */
const NOT_INSTALLED = /Cannot find (package|module) '(?![./\\]|[A-Za-z]:)/;

/** The error, with the command that mends it. */
export function doesNotLoad(native: NativePackage, cause: unknown): TrackerError {
  const { name, purpose } = native;
  const words = messageOf(cause)
    .split(/\n(?:Require stack|Possible solutions)/, 1)[0]!
    .trim();
  return new TrackerError('RUNTIME_UNAVAILABLE', `${name}, which ${purpose}, does not load: ${words}`, {
    hint: mendOf(native, messageOf(cause)),
    cause,
  });
}

function mendOf({ name, install = [], builds, missing }: NativePackage, words: string): string {
  const note = `(there are builds for ${builds}; this is ${process.platform} ${process.arch})`;
  const anew = 'npm ci --include=optional, or remove node_modules and run npm install';
  if (NOT_INSTALLED.test(words) || missing?.test(words))
    return `${['npm install', ...install, name].join(' ')}; where that changes nothing ${anew} ${note}`;
  return `${anew}: its files are damaged, or of another system ${note}`;
}

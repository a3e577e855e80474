/** Reads the video of a name, "-" or /dev/stdin among them, and prints what its frames show as one line of JSON: see streams.ts. */
import { openLive } from '../../src/video/live.js';
import { openVideo } from '../../src/video/read.js';
import { take, type Seen } from './seen.js';

const [name, temporary] = process.argv.slice(2) as [string, string];
// for what is under test alone: tsx keeps files of its own in the one that it was started with
process.env['TMPDIR'] = temporary;
const seen: Seen = await take(() => (name === '-' ? openLive(name) : openVideo(name)));
process.stdout.write(`${JSON.stringify(seen)}\n`, () => process.exit());

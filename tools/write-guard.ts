/**
 * Writes test/fixtures/guard.json anew: the boxes and states that the tests hold tracking to (test/tracker/guard.test.ts). To be run where a
 * change of the tracker is meant, and val says that it is no worse.
 *
 *   npm run guard
 */
import { writeFile } from 'node:fs/promises';
import { GUARD_FILE, trackGuardClips } from '../test/helpers/guard.js';

await writeFile(GUARD_FILE, `${JSON.stringify(await trackGuardClips(), undefined, 2)}\n`);
console.log(`wrote ${GUARD_FILE}`);

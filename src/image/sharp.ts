/** The only import of sharp, when it is first needed: who tracks a video file never waits for it, and does without where it does not load. */
import type Sharp from 'sharp';
import { doesNotLoad } from '../runtime/native-package.js';

/** @throws TrackerError RUNTIME_UNAVAILABLE */
export async function loadSharp(): Promise<typeof Sharp> {
  try {
    const { default: sharp } = await import('sharp');
    // it goes by the name of a file, which may be another one by now
    sharp.cache(false);
    return sharp;
  } catch (cause) {
    throw doesNotLoad(
      {
        name: 'sharp',
        purpose: 'reads and writes pictures',
        // the library is an optional package, which an install for another system, or without these, leaves out
        install: ['--include=optional', `--os=${process.platform}`, `--cpu=${process.arch}`],
        missing: /Could not load(?![^]*(ERR_DLOPEN_FAILED|Unsupported CPU))/,
        builds: 'Linux, macOS and Windows on x64 and arm64',
      },
      cause,
    );
  }
}

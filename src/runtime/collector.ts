/** The garbage collector, which costs more than any stage but the backbone where it is left to itself. */
import { setFlagsFromString } from 'node:v8';

/** Memory may grow to so many times what was in use after the last collection, in per cent more. */
const GROWING_PERCENT = 400;

/**
 * Lets V8 collect less often, in this process and all its threads. A tracker's objects are few and its maps are many: five megabytes a frame
 * that lie outside the heap, for which V8 looks through the heap every third frame, 3 ms each time. With this it does so every seventieth;
 * 35 MB more are in use (benchmarks/README.md). The command line does it by itself; in a program of your own call it once, at the start.
 */
export function collectLess(): void {
  setFlagsFromString(`--heap-growing-percent=${GROWING_PERCENT}`);
}

/** The garbage collector, which costs more than any stage but the backbone where it is left to itself. */
import { setFlagsFromString } from 'node:v8';

/** Memory may grow to so many times what was in use after the last collection, in per cent more. */
const GROWING_PERCENT = 300;
/** The part for new objects stays as large as it began: those of a frame die young, and grown it would only hold on to what is dead. */
const NEW_SPACE_GROWTH = 1;

/**
 * Lets V8 collect less often, in this process and all its threads. A tracker's objects are few and its maps are many: megabytes a frame that
 * lie outside the heap, for which V8 looks through the heap every fourth frame, 3 ms each time. With this it does so every fiftieth; some 30 MB
 * more are in use (benchmarks/README.md). The command line does it by itself; in a program of your own call it once, at the start.
 */
export function collectLess(): void {
  setFlagsFromString(`--heap-growing-percent=${GROWING_PERCENT}`);
  setFlagsFromString(`--semi-space-growth-factor=${NEW_SPACE_GROWTH}`);
}

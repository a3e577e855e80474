/** Ctrl-C as an AbortSignal. */

/** Milliseconds within which a second signal counts as the same key press: npx and other wrappers pass on what the terminal sent as well. */
const SAME_PRESS = 1000;

/** A signal that SIGINT or SIGTERM aborts; a second one, later, ends the process at once. */
export function listenForInterrupt(): { signal: AbortSignal; end(): void } {
  const controller = new AbortController();
  let pressed = 0;
  const stop = (name: NodeJS.Signals): void => {
    if (controller.signal.aborted && performance.now() - pressed > SAME_PRESS) {
      end();
      process.kill(process.pid, name);
      return;
    }
    if (!controller.signal.aborted) pressed = performance.now();
    controller.abort();
  };
  const end = (): void => {
    process.removeListener('SIGINT', stop);
    process.removeListener('SIGTERM', stop);
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  return { signal: controller.signal, end };
}

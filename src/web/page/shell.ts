/** The surroundings of a workbench: keys, the list of keys, and errors that nobody caught. */
import { element, say } from './dom.js';
import { pressKey, type Actions } from './keys.js';

/** @param actions of the workbench that is seen, if there is one */
export function listenToShell(actions: () => Actions | undefined): void {
  window.addEventListener('unhandledrejection', ({ reason }) => tell(reason));
  element('show-keys').addEventListener('click', () => element<HTMLDialogElement>('keys').showModal());
  document.addEventListener('keydown', (event) => {
    const target = event.target as HTMLElement;
    const typing = target.matches('input, select') || element<HTMLDialogElement>('keys').open;
    // a button that was reached by Tab is pressed by these
    const pressing = target.matches('button') && [' ', 'Enter'].includes(event.key);
    const known = actions();
    if (!known || typing || pressing) return;
    if (pressKey(event, known)) event.preventDefault();
  });
  // a click leaves the keyboard where it was
  document.addEventListener('mousedown', (event) => {
    if ((event.target as HTMLElement).closest('#work button')) event.preventDefault();
  });
}

/** An error in its own words, with its hint where it has one. */
export function tell(error: unknown): void {
  if (error instanceof DOMException && error.name === 'AbortError') return;
  const { hint } = (error ?? {}) as { hint?: unknown };
  const text = error instanceof Error ? error.message : String(error);
  say(typeof hint === 'string' && hint !== '' ? `${text}. ${hint}` : text, 'error');
}

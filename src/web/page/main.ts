/** The page: a list of videos, or one video with its boxes. */
import type { SessionInfo } from '../messages.js';
import { api } from './api.js';
import { element, say } from './dom.js';
import { showLibrary, titleOf } from './library.js';
import { listenToShell, tell } from './shell.js';
import { openWorkbench, type Workbench } from './workbench.js';

/** View that is shown: its workbench, undefined for the list, and the controller that is aborted when the view is left. */
interface View {
  workbench: Workbench | undefined;
  readonly left: AbortController;
}

await main().catch(tell);

async function main(): Promise<void> {
  const session = await api.session();
  let view: View = { workbench: undefined, left: new AbortController() };
  const show = async (): Promise<void> => {
    view.left.abort();
    view.workbench?.close();
    const next: View = { workbench: undefined, left: new AbortController() };
    view = next;
    next.workbench = await open(session, next.left.signal);
    // another one was chosen while this one was opened
    if (next !== view) next.workbench?.close();
  };
  window.addEventListener('hashchange', () => void show().catch(tell));
  listenToShell(() => view.workbench?.actions);
  element('back').addEventListener('click', () => (location.hash = ''));
  await show();
}

/** Opens the page that the address names: #PATH is a video, none is the list. */
async function open(session: SessionInfo, signal: AbortSignal): Promise<Workbench | undefined> {
  const named = decodeURIComponent(location.hash.slice(1));
  const path = named === '' ? session.video : named;
  say('');
  element('library').hidden = path !== null;
  element('work').hidden = true;
  element('back').hidden = path === null || session.video !== null;
  element('position').textContent = '';
  const title = path && titleOf(path);
  element('title').textContent = title ?? 'Choose a video';
  document.title = title ?? 'ebm-tracker';
  if (path === null) {
    showLibrary(await api.files(), (chosen) => (location.hash = encodeURIComponent(chosen)), signal);
    return undefined;
  }
  const opened = await api.open(path);
  if (signal.aborted) return undefined;
  element('work').hidden = false;
  return openWorkbench(opened, session);
}

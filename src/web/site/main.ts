/** The static page: a video file or the camera is opened and tracked here; no server takes part. */
import { openVideoFile } from '../../browser/video-file.js';
import { createLimit } from '../../limit.js';
import { element, say } from '../page/dom.js';
import { listenToShell, tell } from '../page/shell.js';
import { openWorkbench, type Workbench } from '../page/workbench.js';
import { openCamera } from './camera.js';
import { goOffline } from './offline.js';
import { showOpening, type Opening } from './opening.js';
import { createSiteService, EXPORT_FORMATS, type SiteService } from './service.js';
import { createTrackers, type ModelChoice } from './tracker.js';
import { createSiteVideo, type SiteVideo } from './video.js';

/** The video that is open: its workbench, and the session behind it. */
interface View {
  readonly workbench: Workbench;
  readonly service: SiteService;
}

await main().catch(tell);

async function main(): Promise<void> {
  let view: View | undefined;
  listenToShell(() => view?.workbench.actions);
  const models: ModelChoice = new URLSearchParams(location.search).get('models') === 'exact' ? 'exact' : 'small';
  const opening = showOpening(models, {
    onFile: (file) => open(() => openFile(file)),
    onCamera: () => open(() => openCamera((frame) => view?.service.tell(frame))),
    onModels: (chosen) => {
      if (mayLeave(view)) location.search = `?models=${chosen}`;
    },
  });
  opening.note(await goOffline());
  const pool = openTrackers(models, opening);
  const limit = createLimit(1);
  pool.warm();

  element('back').addEventListener('click', () => {
    if (mayLeave(view)) void leave().catch(tell);
  });
  window.addEventListener('beforeunload', (event) => {
    if (view?.service.isUnsaved()) event.preventDefault();
  });

  function open(video: () => Promise<SiteVideo>): void {
    if (mayLeave(view)) void show(video).catch(tell);
  }

  async function show(openVideo: () => Promise<SiteVideo>): Promise<void> {
    say('');
    const video = await openVideo();
    await leave();
    const service = createSiteService(video, pool, limit);
    opening.hide(video.name);
    element('work').hidden = false;
    view = { service, workbench: openWorkbench(service, { mode: 'serve', formats: EXPORT_FORMATS }) };
  }

  async function leave(): Promise<void> {
    const left = view;
    view = undefined;
    left?.workbench.close();
    element('work').hidden = true;
    opening.show();
    await left?.service.close();
  }
}

async function openFile(file: File): Promise<SiteVideo> {
  // the page shows them itself
  return createSiteVideo(await openVideoFile(file, { onNotice: () => undefined }));
}

function openTrackers(models: ModelChoice, opening: Opening) {
  return createTrackers(models, {
    onProgress: opening.progress,
    onOpened: opening.ready,
    onFailed: (error) => {
      opening.failed();
      tell(error);
    },
  });
}

function mayLeave(view: View | undefined): boolean {
  return !view?.service.isUnsaved() || window.confirm('Boxes that were not exported are gone then. Go on?');
}

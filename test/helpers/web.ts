/** A server of the page for tests, and a browser where there is one. */
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { chromium, type Browser } from 'playwright-core';
import { buildPage } from '../../tools/build-page.js';

const CHROMIUM = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium';

/** Undefined where this machine has none: the tests are skipped then. */
export const browserPath = existsSync(CHROMIUM) ? CHROMIUM : undefined;

const ARGS =
  '--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking ' +
  '--disable-component-update --disable-sync';

/** @param more further switches of Chromium */
export async function openBrowser(more: readonly string[] = []): Promise<Browser> {
  return chromium.launch({ executablePath: browserPath!, args: [...ARGS.split(' '), ...more] });
}

/** The page as it is now, built. */
export async function builtPage(): Promise<string> {
  const folder = path.join(tmpdir(), `ebm-tracker-page-${process.pid}`);
  await buildPage(folder);
  return folder;
}

export const DEMO = path.join(import.meta.dirname, '../../models/demo');

/** ebm-tracker web --out DIR: the page as a folder for any static host, which tracks in the browser. */
import type { Command } from 'commander';
import { writeSite, type SiteSizes } from '../web/write-site.js';
import { resolveHead } from './options.js';
import type { Terminal } from './terminal.js';

export function addWebCommand(program: Command, terminal: Terminal): void {
  program
    .command('web')
    .description('write the page as a folder for any static host: it tracks in the browser, without a server')
    .requiredOption('--out <dir>', 'new or empty folder, or one that this command wrote before')
    .option('--head <file>', 'a file of ebm-tracker finetune or train (default: the weights that ship)')
    .action(async ({ out, head }: { out: string; head?: string }) => {
      const sizes = await writeSite({ out, head: await resolveHead(head) });
      terminal.stderr.write(`wrote ${out}: ${told(sizes)}\n`);
      terminal.stderr.write(`look at it: npx http-server ${out}, then open http://localhost:8080\n`);
    });
}

function told({ page, runtime, smallModels, exactModels }: SiteSizes): string {
  const mb = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
  return `page ${mb(page)}, runtime ${mb(runtime)}, models ${mb(smallModels)} (small) and ${mb(exactModels)} (exact)`;
}

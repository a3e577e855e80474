#!/usr/bin/env node
/** The executable. */
import { collectLess } from '../runtime/collector.js';
import { runCli } from './program.js';

collectLess();
process.exitCode = await runCli(process.argv.slice(2), process);

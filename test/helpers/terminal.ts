/** A terminal that keeps what is written to it. */
import { Writable } from 'node:stream';
import { runCli } from '../../src/cli/program.js';
import type { Terminal } from '../../src/cli/terminal.js';

export interface TestTerminal extends Terminal {
  out(): string;
  err(): string;
}

export function createTestTerminal({ isTTY = false }: { isTTY?: boolean } = {}): TestTerminal {
  const collect = (): { stream: Writable; text: () => string } => {
    let text = '';
    const stream = new Writable({
      write(chunk: Buffer, _, done) {
        text += chunk.toString();
        done();
      },
    });
    return { stream, text: () => text };
  };
  const out = collect();
  const err = collect();
  return { stdout: out.stream, stderr: Object.assign(err.stream, { isTTY }), out: out.text, err: err.text };
}

/** Runs the command line in this process. */
export async function cli(...args: string[]): Promise<{ exitCode: number; out: string; err: string }> {
  const terminal = createTestTerminal();
  const exitCode = await runCli(args, terminal);
  return { exitCode, out: terminal.out(), err: terminal.err() };
}

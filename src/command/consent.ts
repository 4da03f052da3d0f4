import { createInterface } from 'node:readline';
import { printable } from '../lib/printable.js';

type Typed = NodeJS.ReadableStream & { readonly isTTY?: boolean };
type Shown = NodeJS.WritableStream & { readonly isTTY?: boolean };

/**
 * Asks a person at a terminal. Returns true only for the answer `yes`; false without a terminal and at Ctrl-C or
 * Ctrl-D.
 */
export async function consentTyped(
  question: string,
  input: Typed = process.stdin,
  output: Shown = process.stdout,
): Promise<boolean> {
  if (input.isTTY !== true || output.isTTY !== true) return false;
  const terminal = createInterface({ input, output });
  try {
    return await new Promise((resolve) => {
      terminal.once('close', () => resolve(false));
      terminal.question(`${printable(question)} Type yes: `, (answer) => resolve(answer.trim() === 'yes'));
    });
  } finally {
    terminal.close();
  }
}

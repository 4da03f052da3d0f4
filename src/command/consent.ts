import { createInterface } from 'node:readline';
import { printable } from '../lib/printable.js';

type Typed = NodeJS.ReadableStream & { readonly isTTY?: boolean };
type Shown = NodeJS.WritableStream & { readonly isTTY?: boolean };

/** Asks a person at a terminal. False without a terminal, and if the answer is not `yes`: Ctrl-C and Ctrl-D too. */
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

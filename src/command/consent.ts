import { createInterface } from 'node:readline/promises';

/** Asks a person at a terminal. False where there is no terminal, or the answer is not `yes`. */
export async function consentTyped(question: string): Promise<boolean> {
  if (!process.stdin.isTTY || !process.stdout.isTTY) return false;
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  try {
    return (await terminal.question(`${question} Type yes: `)).trim() === 'yes';
  } finally {
    terminal.close();
  }
}

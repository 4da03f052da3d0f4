/** Reports on long work, at most every two seconds. Shorter work is not reported. */
const INTERVAL_MS = 2_000;

/** @returns a function to call after each piece of work; it makes the text only when it prints */
export function progressTo(print: (line: string) => void): (text: () => string) => void {
  let printedAt = Date.now();
  return (text) => {
    if (Date.now() - printedAt < INTERVAL_MS) return;
    printedAt = Date.now();
    print(text());
  };
}

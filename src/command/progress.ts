/** Reports on work that may take long, every two seconds at most. Shorter work is not reported. */
const INTERVAL_MS = 2_000;

/** @returns to be called whenever something was done; the text is made only where it is printed */
export function progressTo(print: (line: string) => void): (text: () => string) => void {
  let toldAt = Date.now();
  return (text) => {
    if (Date.now() - toldAt < INTERVAL_MS) return;
    toldAt = Date.now();
    print(text());
  };
}

/**
 * Makes a `switch` exhaustive. A missing case does not compile. A value that does not have its declared type throws.
 */
export function assertNever(value: never): never {
  throw new Error(`unexpected value: ${JSON.stringify(value)}`);
}

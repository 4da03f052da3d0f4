/** Makes a `switch` exhaustive: does not compile where a case is missing, throws where a value lies about its type. */
export function assertNever(value: never): never {
  throw new Error(`unexpected value: ${JSON.stringify(value)}`);
}

/** What a fuzz target is. */

/** The error classes by their names, as `error.name` says. A name cannot be spread over classes of the language. */
export interface FuzzTarget {
  readonly name: string;
  /** What the bytes of an input stand for. */
  readonly input: string;
  /** Names of the error classes that it may throw. Any other error is a finding. */
  readonly mayThrow: readonly string[];
  /** The longest time of one input, in milliseconds. */
  readonly maxMs: number;
  /** The most memory that one input may allocate: a fixed part, and bytes for each byte of the input. */
  readonly maxBytes: { readonly fixed: number; readonly perByte: number };
  /** Inputs are not longer than this. */
  readonly maxInputBytes: number;
  /** Texts and byte strings that mean something to the code: the mutator inserts them. */
  readonly tokens: readonly (string | Buffer)[];
  /** Valid samples, by the names of their corpus files. */
  readonly samples: () => ReadonlyMap<string, Buffer> | Promise<ReadonlyMap<string, Buffer>>;
  /** Prepares the code under test. @returns what runs one input, and what ends it */
  readonly open: () => OpenTarget | Promise<OpenTarget>;
}

export interface OpenTarget {
  /** Throws or rejects as `mayThrow` says. A broken promise of the code throws a ContradictionError. */
  readonly run: (input: Buffer) => unknown;
  readonly close?: () => Promise<void>;
}

/** The code under test contradicts itself, for example if it reads a row in two ways. Always a finding. */
export class ContradictionError extends Error {
  override readonly name = 'ContradictionError';
}

export const MIB = 1024 * 1024;

export function samplesOf(samples: Readonly<Record<string, Buffer | string>>): ReadonlyMap<string, Buffer> {
  return new Map(Object.entries(samples).map(([name, sample]) => [name, Buffer.from(sample as string)]));
}

import { foreignJson } from './foreign-text.js';

/** A name that two maps give different values. */
export interface Difference {
  readonly name: string;
  readonly own: string;
  readonly other: string;
}

/**
 * The names that both maps have with different values, in the order of `own`. Names that one map lacks are left out.
 */
export function differencesOf(own: ReadonlyMap<string, string>, other: ReadonlyMap<string, string>): Difference[] {
  return [...own].flatMap(([name, value]) => {
    const otherValue = other.get(name);
    return otherValue === undefined || otherValue === value ? [] : [{ name, own: value, other: otherValue }];
  });
}

/** Gives text such as `EVENT_NAMESPACE is "b" here and "a" there`; several differences are separated by `; `. */
export function describeDifferences(differences: readonly Difference[], there: string): string {
  return differences
    .map(({ name, own, other }) => `${name} is ${foreignJson(own)} here and ${foreignJson(other)} ${there}`)
    .join('; ');
}

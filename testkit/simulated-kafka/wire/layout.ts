/**
 * Layouts of messages: one declaration reads and writes all versions of a structure. The fields are in the order of
 * the wire. `since` and `until` name the versions that have a field.
 */
import { FieldReader, FieldWriter, MalformedRequestError } from './fields.js';

export interface Layout<T> {
  read(from: FieldReader): T;
  write(to: FieldWriter, value: T): void;
}

/** The value that a layout reads and writes. */
export type ValueOf<L> = L extends Layout<infer T> ? T : never;

export const int8: Layout<number> = { read: (from) => from.int8(), write: (to, value) => to.int8(value) };
export const int16: Layout<number> = { read: (from) => from.int16(), write: (to, value) => to.int16(value) };
export const int32: Layout<number> = { read: (from) => from.int32(), write: (to, value) => to.int32(value) };
/** An offset or a time. */
export const int64: Layout<number> = {
  read: (from) => from.int64(),
  write: (to, value) => to.int64(value),
};
export const bool: Layout<boolean> = {
  read: (from) => from.int8() !== 0,
  write: (to, value) => to.int8(value ? 1 : 0),
};
export const uuid: Layout<string> = { read: (from) => from.uuid(), write: (to, value) => to.uuid(value) };

export const nullableText: Layout<string | null> = {
  read: (from) => from.text(),
  write: (to, value) => to.text(value),
};
export const text: Layout<string> = {
  read: (from) => notNull(from.text()),
  write: (to, value) => to.text(value),
};
export const nullableBytes: Layout<Buffer | null> = {
  read: (from) => from.byteArray(),
  write: (to, value) => to.byteArray(value),
};
export const bytes: Layout<Buffer> = {
  read: (from) => notNull(from.byteArray()),
  write: (to, value) => to.byteArray(value),
};

export function nullableArray<T>(item: Layout<T>): Layout<readonly T[] | null> {
  return {
    read: (from) => {
      const count = from.count();
      if (count > from.left) throw new MalformedRequestError(`${count} items in the last ${from.left} bytes`);
      if (count < 0) return null;
      const items: T[] = [];
      for (let i = 0; i < count; i++) items.push(item.read(from));
      return items;
    },
    write: (to, values) => {
      to.count(values?.length ?? -1);
      for (const value of values ?? []) item.write(to, value);
    },
  };
}

export function array<T>(item: Layout<T>): Layout<readonly T[]> {
  const items = nullableArray(item);
  return { read: (from) => notNull(items.read(from)), write: (to, values) => items.write(to, values) };
}

/** A field that exists from this version on. In older versions, reading gives `missing` and writing does nothing. */
export function since<T>(version: number, field: Layout<T>, missing: T): Layout<T> {
  return between(version, Infinity, field, missing);
}

/** A field that exists up to this version. */
export function until<T>(version: number, field: Layout<T>, missing: T): Layout<T> {
  return between(0, version, field, missing);
}

export function between<T>(first: number, last: number, field: Layout<T>, missing: T): Layout<T> {
  const exists = (version: number): boolean => version >= first && version <= last;
  return {
    read: (from) => (exists(from.version) ? field.read(from) : missing),
    write: (to, value) => {
      if (exists(to.version)) field.write(to, value);
    },
  };
}

type Fields = Readonly<Record<string, Layout<unknown>>>;

export function struct<F extends Fields>(fields: F): Layout<{ readonly [K in keyof F]: ValueOf<F[K]> }> {
  const entries = Object.entries(fields);
  return {
    read: (from) => {
      const value: Record<string, unknown> = {};
      for (const [name, field] of entries) value[name] = field.read(from);
      from.skipTags();
      return value as { [K in keyof F]: ValueOf<F[K]> };
    },
    write: (to, value) => {
      for (const [name, field] of entries) field.write(to, value[name]);
      to.noTags();
    },
  };
}

function notNull<T>(value: T | null): T {
  if (value === null) throw new MalformedRequestError('a field that must have a value is null');
  return value;
}

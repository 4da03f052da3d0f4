/** Skips values of a writer's type that are not used. */
import { assertNever } from '../lib/assert-never.js';
import type { CheckedTap } from './checked-tap.js';
import type { AvroType, RecordType } from './schema.js';

export type Skip = (tap: CheckedTap) => void;

/** Skips a text, the most common kind of field. */
export const skipBytes: Skip = (tap) => tap.skipBytes();

/** Makes one `Skip` for each record of a writer's schema, however often the schema names the record. */
export class Skips {
  readonly #records = new Map<RecordType, Skip>();

  of(type: AvroType): Skip {
    switch (type.kind) {
      case 'null':
        return () => undefined;
      case 'boolean':
        return (tap) => tap.skipBoolean();
      case 'int':
      case 'long':
      case 'enum':
        return (tap) => tap.skipLong();
      case 'float':
        return (tap) => tap.skipFixed(4);
      case 'double':
        return (tap) => tap.skipFixed(8);
      case 'bytes':
      case 'string':
        return skipBytes;
      case 'fixed':
        return (tap) => tap.skipFixed(type.size);
      case 'array':
        return this.#items(this.of(type.items));
      case 'map':
        return this.#entries(this.of(type.values));
      case 'union':
        return this.#branches(type.branches.map((branch) => this.of(branch)));
      case 'record':
        return this.#record(type);
      default:
        return assertNever(type);
    }
  }

  #items(skipItem: Skip): Skip {
    return (tap) => {
      for (let count = tap.skipItemCount(); count > 0; count = tap.skipItemCount())
        for (let i = 0; i < count; i++) skipItem(tap);
    };
  }

  #entries(skipValue: Skip): Skip {
    return this.#items((tap) => {
      tap.skipBytes();
      skipValue(tap);
    });
  }

  #branches(skips: readonly Skip[]): Skip {
    return (tap) => (skips[tap.readIndex(skips.length)] as Skip)(tap);
  }

  #record(type: RecordType): Skip {
    const known = this.#records.get(type);
    if (known !== undefined) return known;
    let fields: readonly Skip[] | null = null;
    const skip: Skip = (tap) => {
      tap.enterRecord(type.fields.length + 1);
      // Prepared at the first use: a field may have this record's type again, or lead through thousands of other
      // records.
      fields ??= type.fields.map((field) => this.of(field.type));
      for (const skipField of fields) skipField(tap);
      tap.leaveRecord();
    };
    this.#records.set(type, skip);
    return skip;
  }
}

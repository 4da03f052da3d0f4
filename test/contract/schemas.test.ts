/**
 * The schemas folder is a contract with every producer and consumer: a value that could be read once can always be
 * read.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import avro from 'avsc';

const folder = join(__dirname, '..', '..', 'schemas');

interface Named {
  type?: unknown;
  name?: string;
  namespace?: string;
  doc?: string;
  fields?: (Named & { type: unknown })[];
  items?: unknown;
  symbols?: string[];
}

interface Version {
  readonly file: string;
  readonly schema: Named;
}

/** All versions of a subject, the oldest first. */
function versionsOf(subject: string): Version[] {
  return readdirSync(join(folder, subject))
    .sort((a, b) => versionNumber(a) - versionNumber(b))
    .map((file) => ({ file, schema: JSON.parse(readFileSync(join(folder, subject, file), 'utf8')) as Named }));
}

function versionNumber(file: string): number {
  const number = /^v([1-9]\d*)\.avsc$/.exec(file)?.[1];
  if (number === undefined) throw new Error(`${file} is not called v<N>.avsc`);
  return Number(number);
}

function typeOf(schema: object): avro.Type {
  return avro.Type.forSchema(structuredClone(schema) as avro.Schema);
}

/**
 * BACKWARD_TRANSITIVE: each version can read the values of any earlier one. Returns the pairs of versions that cannot.
 */
function incompatiblePairs(versions: readonly Version[]): string[] {
  return versions.flatMap((reader, i) =>
    versions.slice(0, i).flatMap((writer) => {
      try {
        typeOf(reader.schema).createResolver(typeOf(writer.schema));
        return [];
      } catch {
        return [`${reader.file} cannot read ${writer.file}`];
      }
    }),
  );
}

/** Every named type and every field without a doc. */
function undocumented(schema: unknown): string[] {
  if (Array.isArray(schema)) return schema.flatMap(undocumented);
  if (typeof schema !== 'object' || schema === null) return [];
  const { name, doc, fields = [], items, type } = schema as Named;
  const own = name !== undefined && (doc ?? '').trim() === '' ? [name] : [];
  const nested = typeof type === 'object' ? undocumented(type) : [];
  return [...own, ...nested, ...fields.flatMap(undocumented), ...undocumented(items)];
}

const SUBJECTS: Readonly<Record<string, string>> = {
  'sync-events-value': 'companysync.SyncEvent',
  'company-synchronized-value': 'companysync.CompanySynchronized',
  'client-settings-value': 'companysync.ClientSettings',
  'company-sync-stalled-value': 'companysync.CompanySyncStalled',
  'company-sync-failed-value': 'companysync.CompanySyncFailed',
};

test('there is a folder for each subject, and nothing else', () => {
  expect(readdirSync(folder).sort()).toEqual(Object.keys(SUBJECTS).sort());
});

describe.each(Object.entries(SUBJECTS))('%s', (subject, name) => {
  const versions = versionsOf(subject);

  test('has versions without gaps, from 1', () => {
    expect(versions.map(({ file }) => file)).toEqual(versions.map((_, i) => `v${i + 1}.avsc`));
  });

  test('parses, under its name', () => {
    for (const { schema } of versions) expect(typeOf(schema).name).toBe(name);
  });

  test('documents every record, enum and field', () => {
    for (const { schema } of versions) expect(undocumented(schema)).toEqual([]);
  });

  test('reads in each version what any earlier one has written', () => {
    expect(incompatiblePairs(versions)).toEqual([]);
  });
});

describe('the checks themselves', () => {
  const v1 = versionsOf('client-settings-value')[0] as Version;

  function v2(change: (schema: Named) => void): Version {
    const schema = structuredClone(v1.schema);
    change(schema);
    return { file: 'v2.avsc', schema };
  }

  test('find a version that needs a field which earlier ones do not write', () => {
    const broken = v2((schema) => schema.fields?.push({ name: 'since', type: 'long', doc: 'New, without a default.' }));

    expect(incompatiblePairs([v1, broken])).toEqual(['v2.avsc cannot read v1.avsc']);
  });

  test('find a version that misses a symbol, also beyond the version before it', () => {
    const narrower = v2((schema) => {
      for (const { type } of schema.fields ?? []) (type as Named).symbols?.shift();
    });
    const narrowest = { ...narrower, file: 'v3.avsc' };

    expect(incompatiblePairs([v1, narrower, narrowest])).toEqual([
      'v2.avsc cannot read v1.avsc',
      'v3.avsc cannot read v1.avsc',
    ]);
  });

  test('accept a field with a default', () => {
    const wider = v2((schema) => {
      const added = { name: 'since', type: ['null', 'long'], default: null, doc: 'New, with a default.' };
      schema.fields?.push(added);
    });

    expect(incompatiblePairs([v1, wider])).toEqual([]);
  });

  test('find a missing doc, however deep', () => {
    const schema = structuredClone(v1.schema);
    for (const { type } of schema.fields ?? []) if (typeof type === 'object') (type as Named).doc = ' ';

    expect(undocumented(schema)).toEqual(['SynchronizedTrigger']);
  });
});

describe('SyncEvent', () => {
  test('has the defaults that older producers rely on', () => {
    const [, status] = payloadBranches();
    const type = typeOf(status as object) as avro.types.RecordType;

    expect(['trigger', 'revision', 'errorMessage'].map((name) => type.field(name).defaultValue() as unknown)).toEqual([
      'UNKNOWN',
      null,
      null,
    ]);
  });

  test('seals a link unless a manifest says otherwise', () => {
    const [manifest] = payloadBranches();
    const type = typeOf(manifest as object) as avro.types.RecordType;

    expect(type.field('isFinal').defaultValue()).toBe(true);
  });

  test('adds payloads only at the end, so the bytes of older producers keep their meaning', () => {
    const names = versionsOf('sync-events-value').map((version) => payloadBranches(version).map(({ name }) => name));
    for (const [i, before] of names.slice(0, -1).entries())
      expect(names[i + 1]?.slice(0, before.length)).toEqual(before);
  });

  test('names each payload that was added later in CHANGELOG.md: a former release sets it aside', () => {
    const [first, ...later] = versionsOf('sync-events-value').map(payloadBranches);
    const known = (first ?? []).map(({ name }) => name);
    const changelog = readFileSync(join(folder, '..', 'CHANGELOG.md'), 'utf8');
    const added = later.flat().flatMap(({ name }) => (name === undefined || known.includes(name) ? [] : [name]));
    expect(added.filter((name) => !changelog.includes(`\`${name}\``))).toEqual([]);
  });

  function payloadBranches({ schema } = versionsOf('sync-events-value').at(-1) as Version): Named[] {
    return schema.fields?.find(({ name }) => name === 'payload')?.type as Named[];
  }
});

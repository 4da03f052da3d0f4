import { SchemaWithReferences, UnusableSchema } from '../../../src/avro/schema.js';
import {
  MAX_KEPT_CHARACTERS,
  MAX_REFERRED_CHARACTERS,
  SchemaReferences,
  type RegisteredText,
} from '../../../src/registry/schema-references.js';

interface Registered {
  readonly schema: object;
  readonly references: unknown;
}

const top = { type: 'top' };

function refer(...subjects: readonly string[]): object[] {
  return subjects.map((subject) => ({ name: `n.${subject}`, subject, version: 1 }));
}

function registryOf(subjects: Readonly<Record<string, Registered>>) {
  const asked: string[] = [];
  const references = new SchemaReferences((subject, version) => {
    asked.push(`${subject} ${version}`);
    return Promise.resolve<RegisteredText>(subjects[subject] ?? null);
  });
  return {
    asked,
    resolve: (...subjects: string[]) => references.resolve({ schema: top, references: refer(...subjects) }),
  };
}

test('a schema without references is returned unchanged', async () => {
  expect(await registryOf({}).resolve()).toBe(top);
});

test('each type comes once, after the types that it uses, and each version is requested once', async () => {
  const { asked, resolve } = registryOf({
    a: { schema: { type: 'a' }, references: refer('c', 'b') },
    b: { schema: { type: 'b' }, references: refer('c') },
    c: { schema: { type: 'c' }, references: undefined },
  });
  const all = new SchemaWithReferences([{ type: 'c' }, { type: 'b' }, { type: 'a' }], top);

  expect(await resolve('a', 'b')).toEqual(all);
  expect(await resolve('a', 'b')).toEqual(all);
  expect(asked).toEqual(['a 1', 'c 1', 'b 1']);
});

test('references that form a circle are resolved', async () => {
  const { resolve } = registryOf({
    a: { schema: { type: 'a' }, references: refer('b') },
    b: { schema: { type: 'b' }, references: refer('a') },
  });

  expect(await resolve('a')).toEqual(new SchemaWithReferences([{ type: 'b' }, { type: 'a' }], top));
});

test.each([
  ['half of a character', 'a\ud800'],
  ['more than 1,024 characters', 'a'.repeat(1_025)],
])('a reference to a subject of %s cannot be used, and is not requested', async (_, subject) => {
  const { asked, resolve } = registryOf({});
  expect(await resolve(subject)).toBeInstanceOf(UnusableSchema);
  expect(asked).toEqual([]);
});

test('endless references are refused after a hundred requests', async () => {
  const asked: string[] = [];
  const references = new SchemaReferences((subject) => {
    asked.push(subject);
    return Promise.resolve({ schema: {}, references: refer(`${subject}x`) });
  });

  expect(await references.resolve({ schema: top, references: refer('x') })).toBeInstanceOf(UnusableSchema);
  expect(asked).toHaveLength(100);
});

test('if the registry denies a reference, the schema counts as denied, and may be repaired later', async () => {
  expect(await registryOf({ a: { schema: {}, references: refer('gone') } }).resolve('a')).toBeNull();
});

test.each([[[{ name: 'a' }]], ['text'], [[null]], [[{ name: 'a', subject: 's', version: '1' }]]])(
  'invalid references, such as %j, are refused',
  async (references) => {
    const nobody = new SchemaReferences(() => Promise.reject(new Error('asked')));
    expect(await nobody.resolve({ schema: top, references })).toBeInstanceOf(UnusableSchema);
  },
);

test('an outage is an error', async () => {
  const references = new SchemaReferences(() => Promise.reject(new Error('down')));
  await expect(references.resolve({ schema: top, references: refer('a') })).rejects.toThrow('down');
});

test('large versions are kept up to a number of characters', async () => {
  const large = { schema: { type: 'large', doc: 'x'.repeat(MAX_KEPT_CHARACTERS / 2) }, references: undefined };
  const { asked, resolve } = registryOf({ a: large, b: large });
  await resolve('a');
  await resolve('a');
  await resolve('b');
  await resolve('a');
  expect(asked).toEqual(['a 1', 'b 1', 'a 1']);
});

test('references to more characters than one schema may lead to are refused, and no more of them is read', async () => {
  let asked = 0;
  const references = new SchemaReferences(() => {
    asked++;
    return Promise.resolve({ schema: { doc: 'x'.repeat(MAX_REFERRED_CHARACTERS / 3) }, references: undefined });
  });
  const many = Array.from({ length: 90 }, (_, i) => String(i));
  expect(await references.resolve({ schema: top, references: refer(...many) })).toBeInstanceOf(UnusableSchema);
  expect(asked).toBe(3);
});

/** docs/asyncapi.yaml is valid, and has the topics, schemas and codes of the processor. */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, normalize } from 'node:path';
import { Parser } from '@asyncapi/parser';
import { parse } from 'yaml';
import { loadConfig } from '../../src/config.js';
import { DEAD_LETTER_CODES } from '../../src/domain/events.js';

const DOCS = join(__dirname, '..', '..', 'docs');
const text = readFileSync(join(DOCS, 'asyncapi.yaml'), 'utf8');

interface Message {
  readonly headers?: { readonly properties: Readonly<Record<string, { readonly enum?: readonly string[] }>> };
  readonly payload: { readonly schema?: { readonly $ref: string } };
}
interface Channel {
  readonly address: string;
  readonly messages: Readonly<Record<string, Message>>;
}
const { channels } = parse(text) as { readonly channels: Readonly<Record<string, Channel>> };

/** The parser's numbers. */
const SEVERITIES = ['error', 'warning', 'information', 'hint'] as const;

async function faultsOf(document: string, severities: readonly (typeof SEVERITIES)[number][]) {
  const diagnostics = await new Parser().validate(document);
  return diagnostics.filter(({ severity }) => severities.includes(SEVERITIES[Number(severity) as 0 | 1 | 2 | 3]));
}

test('it is valid AsyncAPI', async () => {
  // The Avro schemas stay references: they have their own test, and the parser would need a plug-in for them.
  const withoutAvro = text.replaceAll(
    /schema: \{ \$ref: .*\.avsc \}/g,
    'schema: { type: record, name: A, fields: [] }',
  );
  expect(await faultsOf(withoutAvro, ['error', 'warning'])).toEqual([]);
});

test('the parser would find a fault', async () => {
  expect(await faultsOf(text.replace('action: send', 'action: shout'), ['error'])).not.toEqual([]);
});

test('it has exactly the topics of the processor', () => {
  const { topics, applicationId } = loadConfig({}, {}, () => '');
  const addresses = Object.values(channels).map(({ address }) => address.replace('{applicationId}', applicationId));
  expect(addresses.sort()).toEqual(Object.values(topics).sort());
});

test('each topic of Avro values names the schema of its subject', () => {
  for (const { address, messages } of Object.values(channels))
    for (const { payload } of Object.values(messages)) {
      if (payload.schema === undefined) continue;
      const file = normalize(join(DOCS, payload.schema.$ref));
      expect(file).toContain(join('schemas', `${address}-value`));
      expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ type: 'record', namespace: 'companysync' });
    }
});

test('the schema of each is the newest of its subject', () => {
  for (const { messages } of Object.values(channels))
    for (const { payload } of Object.values(messages)) {
      if (payload.schema === undefined) continue;
      const file = normalize(join(DOCS, payload.schema.$ref));
      expect(basename(file)).toBe(`v${readdirSync(dirname(file)).length}.avsc`);
    }
});

test('the codes of dead letters are those of the processor', () => {
  const { headers } = channels['deadLetters']?.messages['deadLetter'] as Message;
  expect(headers?.properties['dl_code']?.enum).toEqual(DEAD_LETTER_CODES);
});

/** What the verifier remembers of the clients' choices, in bounded memory: anyone may write to client-settings. */
import { ClientChoices } from '../../../src/verify/client-choices.js';

const HOUR_MS = 3_600_000;
const LATER = 10 * HOUR_MS;

function possible(choices: ClientChoices, clientId: string): string[] {
  return [...choices.possible(clientId, LATER, LATER)];
}

test('beyond the bytes, either choice of a further client is accepted', () => {
  const choices = new ClientChoices(100_000);
  for (let i = 0; i < 10_000; i++) choices.add(Buffer.from(`client-${i}`), 'ALL_DATASETS', 0);
  expect(possible(choices, 'client-0')).toEqual(['ALL_DATASETS']);
  expect(possible(choices, 'client-9999')).toEqual(['FIRST_DATASET', 'ALL_DATASETS']);
});

test('after a choice that cannot be read, either choice is accepted', () => {
  const choices = new ClientChoices();
  choices.add(Buffer.from('a'), 'ALL_DATASETS', 0);
  choices.add(Buffer.from('a'), 'unreadable', HOUR_MS);
  expect(possible(choices, 'a')).toEqual(['FIRST_DATASET', 'ALL_DATASETS']);
});

test.each([
  [1_000, ['FIRST_DATASET', 'ALL_DATASETS']],
  [100_000, ['ALL_DATASETS']],
])('with room for %d bytes, a client keeps its last choices', (maxBytes, first) => {
  const choices = new ClientChoices(maxBytes);
  const key = Buffer.from('a');
  for (let i = 0; i < 51; i++) choices.add(key, i % 2 === 0 ? 'ALL_DATASETS' : null, i * LATER);
  expect([...choices.possible('a', LATER / 2, LATER / 2)]).toEqual(first);
  expect([...choices.possible('a', 51 * LATER, 51 * LATER)]).toEqual(['ALL_DATASETS']);
});

test('a key that no client can have takes no room', () => {
  const choices = new ClientChoices(100_000);
  for (let i = 0; i < 1_000; i++) choices.add(Buffer.alloc(1_025, `${i} `), null, 0);
  choices.add(Buffer.from('client'), 'ALL_DATASETS', 0);
  expect(possible(choices, 'client')).toEqual(['ALL_DATASETS']);
  expect(possible(choices, 'another')).toEqual(['FIRST_DATASET']);
});

test('a key that is not UTF-8 is not the client whose id has the same text', () => {
  const choices = new ClientChoices();
  choices.add(Buffer.from('caf\uFFFD'), 'ALL_DATASETS', 0);
  choices.add(Buffer.from([0x63, 0x61, 0x66, 0xe9]), null, 1);
  expect(possible(choices, 'caf\uFFFD')).toEqual(['ALL_DATASETS']);
});

/** The memory that the ids of companies may take while dead letters are read. */
import { WatchedCompanies } from '../../../src/command/watched-companies.js';
import type { InputEvent } from '../../../src/domain/events.js';
import type { DeadLetter } from '../../../src/publish/dead-letter.js';

const deadLetterOf = (companyId: string) => ({ key: Buffer.from(companyId) }) as unknown as DeadLetter;

function watching({ force = false, maxBytes = 10 } = {}) {
  let decoded = 0;
  const readAgain = (deadLetters: readonly DeadLetter[]): Promise<InputEvent[]> => {
    decoded += deadLetters.length;
    const payload = { kind: 'unlinked', connectionId: 'c' } as const;
    const rest = { clientId: 'k', offset: 0, timestamp: 0, repairs: [], payload };
    return Promise.resolve(deadLetters.map(({ key }) => ({ ...rest, companyId: String(key) })));
  };
  const watched = new WatchedCompanies({ readAgain }, force, maxBytes);
  const take = async (...companies: readonly string[]) => {
    for (const company of companies) watched.take(deadLetterOf(company));
    await watched.decode();
    return watched.all === null ? null : [...watched.all];
  };
  return { take, decoded: () => decoded };
}

test('each company is kept once', async () => {
  const { take } = watching();
  expect(await take('acme', 'beta')).toEqual(['acme', 'beta']);
  expect(await take('acme')).toEqual(['acme', 'beta']);
});

test('beyond the limit, no companies are given, and no further dead letters are decoded', async () => {
  const { take, decoded } = watching();
  expect(await take('acme', 'beta', 'gamma')).toBeNull();
  expect(await take('delta')).toBeNull();
  expect(decoded()).toBe(3);
});

test('with --force, nothing is decoded', async () => {
  const { take, decoded } = watching({ force: true });
  expect(await take('acme')).toEqual([]);
  expect(decoded()).toBe(0);
});

/** The status page has a look for every word that the API may send. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { VERDICTS } from '../../../src/domain/explanation.js';
import { classOf, KNOWN_STATUSES } from '../../../src/domain/statuses.js';
import { DEPENDENCIES } from '../../../src/ops/dependency-watch.js';
import { PARTITION_STATES } from '../../../src/pipeline/observer.js';

const PAGE = readFileSync(join(__dirname, '..', '..', '..', 'page', 'page.js'), 'utf8');

/** The keys of a table of page.js, which a browser loads as it is: it cannot import the lists above. */
function wordsIn(table: string): string[] {
  const entries = new RegExp(`^const ${table} = \\{([^}]*)\\};$`, 'm').exec(PAGE)?.[1] ?? '';
  return [...entries.matchAll(/(?:'([^']+)'|(\w+)): '/g)].map(([, quoted, plain]) => quoted ?? plain ?? '').sort();
}

test.each([
  ['each state of a partition', 'STATE_LOOKS', PARTITION_STATES],
  ['each verdict', 'VERDICT_LOOKS', VERDICTS],
  ['each class of a status', 'CLASS_LOOKS', [...new Set(KNOWN_STATUSES.map(classOf))]],
  ['each dependency', 'DEPENDENCY_NAMES', DEPENDENCIES],
])('%s has an entry in the status page', (_what, table, words) => {
  expect(wordsIn(table)).toEqual([...words].sort());
});

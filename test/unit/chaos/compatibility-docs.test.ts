/** The compatibility that the README promises is the one that chaos runs have shown. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { KAFKA_VERSIONS } from '../../../testkit/cluster/versions.js';
import { tableOf } from '../../../testkit/chaos/report.js';

const root = join(__dirname, '..', '..', '..');
const lines = (file: string) => readFileSync(join(root, file), 'utf8').split('\n');
const [header = ''] = tableOf([]);

/** The cells of each run in docs/chaos.md, by the names of the columns. */
function runs(): Map<string, string>[] {
  const chaos = lines('docs/chaos.md');
  const first = chaos.indexOf(header) + 2;
  const end = chaos.findIndex((line, at) => at > first && !line.startsWith('|'));
  const names = cellsOf(header);
  return chaos.slice(first, end).map((row) => new Map(cellsOf(row).map((cell, at) => [names[at] ?? '', cell])));
}

function cellsOf(row: string): string[] {
  return row
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim());
}

test('docs/chaos.md has a run without anomalies for each release, with the columns of the command', () => {
  const all = runs();
  expect(new Set(all.map((run) => run.get('Kafka')))).toEqual(new Set(KAFKA_VERSIONS));
  for (const run of all) expect(run.get('missing, twice, early, wrong')).toBe('0, 0, 0, 0');
});

test('the README says for how many seconds each release was run', () => {
  const seconds = new Map(KAFKA_VERSIONS.map((version) => [version, 0]));
  for (const run of runs()) {
    const version = run.get('Kafka') ?? '';
    seconds.set(version, (seconds.get(version) ?? 0) + Number(run.get('seconds')));
  }
  const said = [...seconds].map(([version, total]) => `${version} (${total} s)`).join(', ');
  const row = lines('README.md').find((line) => line.startsWith('| Kafka |'));
  expect(row).toContain(`[chaos runs](docs/chaos.md#runs-so-far) under load: ${said}`);
});

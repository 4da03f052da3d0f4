import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { faultOfNode } from '../../../src/command/node-release.js';
import { REPOSITORY } from '../../../testkit/command.js';

test.each(['20.20.2', '20.21.0', '22.22.2', '22.23.3', '24.14.1', '24.15.0', '25.8.2', '25.9.0', '26.0.0', '30.1.2'])(
  'Node %s is good',
  (version) => expect(faultOfNode(version)).toBeNull(),
);

test.each([
  ['20.20.1', 'Install Node 20.20.2'],
  ['20.19.9', 'Install Node 20.20.2'],
  ['22.9.9', 'Install Node 22.22.2'],
  ['24.14.0', 'Install Node 24.14.1'],
  ['25.8.1', 'Install Node 25.8.2'],
  ['21.7.3', 'Install Node one of 20.20.2, 22.22.2, 24.14.1, 25.8.2'],
  ['23.11.0', 'Install Node one of'],
])('Node %s has the flaw: %s', (version, remedy) => {
  expect(faultOfNode(version)).toContain(`Node ${version} has the flaw CVE-2026-21717`);
  expect(faultOfNode(version)).toContain(remedy);
});

test('npm warns of the same releases', () => {
  const { engines } = JSON.parse(readFileSync(join(REPOSITORY, 'package.json'), 'utf8')) as {
    engines: { node: string };
  };
  expect(engines.node).toBe('^20.20.2 || ^22.22.2 || ^24.14.1 || >=25.8.2');
});

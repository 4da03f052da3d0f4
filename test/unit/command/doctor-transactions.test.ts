import { adviceOnOpen } from '../../../src/command/doctor.js';
import { kafkaCommandsFor } from '../../../src/lib/shell-command.js';

const OPEN = { topic: 'synchronized', partition: 3, offset: 17 };
const command = kafkaCommandsFor({ brokers: ['a:9093'], isSecured: true });
const TOOL = 'kafka-transactions.sh --bootstrap-server a:9093 --command-config client.properties';

test('doctor prints the abort of an open transaction only in topics that others write', () => {
  expect(adviceOnOpen(OPEN, 'read', command)).toContain(
    `run ${TOOL} abort --topic synchronized --partition 3 --start-offset 17`,
  );
});

test('in our own topics doctor prints no abort: the transaction may be an acknowledged commit', () => {
  const advice = adviceOnOpen(OPEN, 'written', command);
  expect(advice).not.toContain(' abort --topic');
  expect(advice).toContain('Do not abort it yourself');
  expect(advice).toContain('"A partition was left with an open transaction" in docs/operations.md');
  expect(advice).toContain(`run ${TOOL} describe-producers --topic synchronized --partition 3`);
});

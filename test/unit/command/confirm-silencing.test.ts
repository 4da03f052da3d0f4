import { maySilence, SilencedCompanies } from '../../../src/command/confirm-silencing.js';

const AGAIN = 'company-sync companies seed --file notified.txt';

async function asked(
  count: number,
  typed: { yes?: true; 'dry-run'?: true },
  answer: boolean | null,
  asking: { unasked?: number } = {},
) {
  const silenced = new SilencedCompanies();
  for (let i = 0; i < count; i++) silenced.add(`company "${i}"`);
  const lines: string[] = [];
  const questions: string[] = [];
  const consent = (question: string) => {
    questions.push(question);
    return Promise.resolve(answer ?? false);
  };
  const decision = await maySilence(
    silenced,
    { yes: false, 'dry-run': false, ...typed },
    AGAIN,
    (line) => lines.push(line),
    { consent, ...asking },
  );
  return { decision, lines, questions };
}

test('as many companies as a person can check are silenced without asking', async () => {
  expect(await asked(100, {}, null)).toEqual({ decision: 'send', lines: [], questions: [] });
});

test('more are silenced only after a confirmation', async () => {
  const refused = await asked(101, {}, false);
  expect(refused.questions).toEqual(['Silence 101 companies permanently? You cannot undo it.']);
  expect(refused.decision).toBe('refused');
  expect(refused.lines.join()).toContain(`run ${AGAIN} --dry-run. To send, run ${AGAIN} --yes`);
  expect(await asked(101, {}, true)).toMatchObject({ decision: 'send', lines: [] });
  expect(await asked(1e6, { yes: true }, null)).toEqual({ decision: 'send', lines: [], questions: [] });
});

test('if other people wrote the record, even one company is silenced only after a confirmation that names it', async () => {
  const refused = await asked(1, {}, false, { unasked: 0 });
  expect(refused.questions).toEqual([String.raw`Silence company "company \"0\"" permanently? You cannot undo it.`]);
  expect(refused.decision).toBe('refused');
  expect(await asked(0, {}, null, { unasked: 0 })).toEqual({ decision: 'send', lines: [], questions: [] });
});

test('a dry run shows how many and which, and sends nothing, whatever else is typed', async () => {
  const { decision, lines, questions } = await asked(102, { 'dry-run': true, yes: true }, true);
  expect([decision, questions]).toEqual(['dry-run', []]);
  expect(lines[0]).toContain('102 companies would never be announced');
  expect(lines.slice(1, 3)).toEqual(['  "company \\"0\\""', '  "company \\"1\\""']);
  expect(lines.slice(-2)).toEqual(['  and 2 more', `nothing was sent: to send, run ${AGAIN}`]);
});

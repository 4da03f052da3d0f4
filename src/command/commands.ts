/** Every command: what it is for, its flags, what `--help` teaches, and its exit codes. */
export interface CommandDescription {
  readonly summary: string;
  /** What must follow the command's name, where something must; in brackets where it may. */
  readonly argument?: string;
  /** Flags of the command itself, without dashes, each with its meaning; the settings are flags of every command. */
  readonly flags: Readonly<Record<string, string>>;
  /** Those of them that stand without a value. */
  readonly switches?: Readonly<Record<string, string>>;
  /** It writes to the input, which a shadow shares with the deployment, so that a shadow is refused. */
  readonly writesInput?: true;
  /** What more `--help` of the command says. */
  readonly lesson?: string;
  /** When it ends with 0, with 1, and with 2 where that is more than a fault in what was typed or configured. */
  readonly exit: readonly [zero: string, one: string, two?: string];
}

const MISCONFIGURED = 'a flag or a setting is wrong';
const IN_USE = `${MISCONFIGURED}, or another process uses the state folder`;
const REFUSED = `${MISCONFIGURED}, another process uses the state folder, or the start is refused`;
const SILENCING_SWITCHES = {
  'dry-run': 'sends nothing: prints how many companies would never be announced, and which',
  yes: 'sends without asking, also if more than 100 companies would never be announced',
};
const DONE_OR_FAILED = ['done', 'it failed'] as const;

export const COMMANDS = {
  run: {
    summary: 'the processor, until SIGTERM or SIGINT',
    flags: {},
    lesson: `It refuses a start that would announce twice, never, or the wrong thing, with exit code 2, and says what to do: see
"What a start refuses" in docs/operations.md.
`,
    exit: ['stopped by a signal', 'it could not start, or could not go on', REFUSED],
  },
  'topics create': {
    summary: 'creates the topics that are missing and says what it did',
    flags: {
      partitions: 'partitions of each topic that is made, client-settings excepted (default: 12)',
      'replication-factor': 'copies of each partition (default: 3, or the number of brokers where that is less)',
    },
    exit: ['all topics are there', 'a topic could not be made or looked at'],
  },
  explain: {
    summary: 'why a company has or has not been announced, with input offsets as evidence',
    argument: '<companyId>',
    flags: {
      'offline <state folder>': 'reads the folder of a stopped instance, which it does not change; asks nobody',
    },
    switches: {
      json: 'prints all that is known as JSON, as GET /companies/<companyId> does',
      watch: 'prints the explanation whenever it changes, until the company is announced or deleted',
    },
    lesson: `It finds a running instance through the group and asks it over HTTP, with HTTP_TOKEN where that is set.
The first line is the verdict. The rest is what it rests on: records held, links, datasets with their statuses, and
the input offset that gave each. Nothing that is not committed yet is told.

  company-sync explain acme-42
  company-sync explain acme-42 --watch
  company-sync explain acme-42 --json | jq '.datasets[] | select(.class == "in-progress")'
  company-sync explain acme-42 --offline ./state
`,
    exit: ['explained', 'no record of the company was seen, or nobody could be asked', IN_USE],
  },
  'companies seed': {
    summary: 'marks companies as announced by another system, so that they are not announced here',
    flags: {
      'file <ids>': 'one companyId a line; - for what is piped in',
      'by <name>': 'which system told the customers, kept in the records for people',
    },
    switches: SILENCING_SWITCHES,
    writesInput: true,
    lesson: `For customers whom a predecessor has told. Each company gets a record in the input topic, AnnouncedElsewhere, which
silences it for good from there on, whatever its state: it waits, it is held, or nothing of it was seen yet. For a
company that was announced or deleted before, it does nothing. So it can be run again, with a longer list too.
All instances must be of a release that knows the record: see "Moving from a predecessor" in docs/operations.md.
There is no way back: a company that is marked by mistake is never announced. Look with --dry-run first. For more than 100
companies it asks; without a terminal, as with --file -, pass --yes.

A line is an id as it is, in UTF-8. Empty lines and those that begin with # are passed over. An id that begins with #
or ", or has white space at an end or control characters, is written as a text of JSON: "\\t#7". All lines are read
before the first is sent: if one is not an id, nothing is sent. Millions of ids need no more memory than a few.

  company-sync companies seed --file told.txt --by notifier-v1
  psql -Atc 'select company_id from told' | company-sync companies seed --file - --yes
  company-sync explain acme-42     # announced by another system, as was said at ... by record 3/1042
`,
    exit: [
      'all were sent, or shown',
      'nothing was sent (a line is not an id, or nobody confirmed), or the brokers refused',
    ],
  },
  'events send': {
    summary: 'sends events written as lines of JSON to the input topic',
    flags: { 'file <events.jsonl>': 'what to send; - for what is piped in' },
    switches: SILENCING_SWITCHES,
    writesInput: true,
    lesson: `One event a line, with the fields of SyncEvent; eventId and occurredAt may be left out. The payload names its record:

  {"companyId": "acme", "clientId": "client-1", "payload": {"CompanyDeleted": {}}, "headers": {"repairs": "3/1042"}}

CompanyDeleted and AnnouncedElsewhere silence a company permanently: there is no way back. --dry-run prints which. For more
than 100 companies it asks; without a terminal, pass --yes.
Headers are texts, and may be left out. All lines are read before the first is sent: if one is not an event, nothing
is sent.
examples/events.jsonl of the repository is a file to begin with.
`,
    exit: [
      'all were sent, or shown',
      'nothing was sent (a line is not an event, or nobody confirmed), or the brokers refused',
    ],
  },
  'events tail': {
    summary: 'prints announcements as they are published',
    flags: { 'count <number>': 'ends after so many' },
    switches: {
      'from-beginning': 'begins with those that are there already',
      'to-end': 'prints those that are there already, and ends',
      json: 'prints each as one line of JSON, with all of its fields',
    },
    exit: ['as many as --count or --to-end says were printed', 'the topic is not there, or cannot be read'],
  },
  'events resend': {
    summary: 'sends the announcement of a company once more, under the same id, to a topic that is named',
    argument: '<companyId>',
    flags: { 'to <topic>': 'where to; it must exist' },
    lesson: `Its key, value and headers are those of the announcement, byte for byte, and a header resent_from says where that is:
<topic>/<partition>/<offset>. Its readers know it by its eventId, so that it may be sent to the topic of the
announcements themselves too. A running instance tells where it is; if none runs, the whole topic is read. Once
retention has removed it, it cannot be sent again.

  company-sync events resend acme-42 --to company-synchronized
`,
    exit: ['sent', 'the company was not announced, its event is gone, or the brokers refused'],
  },
  'dead-letters list': {
    summary: 'the records that could not be read, and the repairs sent for them',
    flags: { 'code <code>': 'only those of this code', 'since <time>': 'only those written since then' },
    switches: {
      open: 'only those for which no repair was sent, or none that could be read',
      json: 'prints each as one line of JSON',
    },
    lesson: `A repair that could not be read is a dead letter too. Both are open then, and say so; one repair replaces both.

  company-sync dead-letters list --open --since 2026-01-31T12:00:00Z
  company-sync dead-letters list --json | jq -r 'select(.repairedBy == null) | .record'
`,
    exit: ['listed, also where there are none', 'the topics could not be read'],
  },
  'dead-letters show': {
    summary: 'one of them: why it is there, its bytes, and what it reads as now',
    argument: '<partition>/<offset>',
    flags: {},
    switches: { json: 'prints it as JSON' },
    exit: ['shown', 'there is no such dead letter, or it could not be read'],
  },
  'dead-letters repair': {
    summary: 'sends one again, or all that can be read now, so that their companies are no longer held',
    argument: '[<partition>/<offset>]',
    flags: {
      'file <event.json>': 'what the record should have been, as events send takes it',
      'code <code>': 'with --all: only those of this code',
      'since <time>': 'with --all: only those written since then',
      'client-id <id>':
        'not with --all: of the company to release, where the record had the key of another and no manifest has named it',
    },
    switches: {
      all: 'every one without a repair that can be read now',
      force: 'also what would undo what came after it, release another company, or was too large',
    },
    writesInput: true,
    lesson: `A repair is a record of the input topic with a header repairs = <partition>/<offset>. Without --file it is the record
as it came, for a schema that was registered late or a release that could not read it. A record that had the key of another
company is repaired where its company is, and the company of its key is released, both or neither. These are refused without
--force: a record whose own repairs header names a record of another company, because it would release that company; and what
would undo what came since, which is a status without a revision whose dataset has a later one, an unlink whose connection
has a later manifest, and a manifest one of whose datasets has a later manifest of another link.

  company-sync dead-letters repair 3/1042
  company-sync dead-letters repair 3/1042 --file fixed.json
  company-sync dead-letters repair --all --code unknown-schema
`,
    exit: ['sent; with --all also where some were left', 'refused or failed'],
  },
  'dead-letters release': {
    summary: 'gives up what holds a company, so that it can be announced without those records',
    argument: '<companyId>',
    flags: {
      'why <text>': 'the reason, kept in the record that is sent',
      'client-id <id>': 'where no manifest has named it',
    },
    writesInput: true,
    lesson: `It asks a running instance what holds the company and sends records that lift all of it. The records themselves are
lost to the company: repair them where you can.
`,
    exit: ['released', 'nothing holds the company, or no instance could be asked'],
  },
  doctor: {
    summary:
      'checks brokers, topics, transactions, other deployments, permissions, registry, schemas and the state folder, and ' +
      'changes nothing',
    flags: {},
    switches: { json: 'prints the findings as JSON: check, status (ok, warning, failed), message' },
    lesson: `One line for each thing, with what to do where it is not as it must be. It can be run beside a running instance.
Whether a transactional id may be written is not tried, for that would fence its owner. A transaction counts as one
that keeps readers waiting where it is open for three seconds; the processor's take milliseconds.
`,
    exit: ['nothing failed', 'something did'],
  },
  'positions show': {
    summary: 'prints for each input partition what the state, the group and the input say, and whether it can run',
    flags: { 'partition <number>': 'only this partition' },
    switches: { json: 'prints all of it as JSON' },
    lesson: `The state has a position: the first input offset that it has not read. The group's committed offset must be equal to
it and be in the input. Otherwise the partition is blocked, and its line ends with the command that sets it.
It changes nothing, and can be run beside running instances.

  company-sync positions show
  company-sync positions show --json | jq '.partitions[] | select(.startsAt == null)'
`,
    exit: ['every partition can run', 'a partition is blocked, or the brokers gave no answer'],
  },
  'positions set': {
    summary: "sets the group's offset of blocked partitions, while nothing runs",
    flags: {
      'partition <number>': 'only this partition (default: all)',
      'to <state|log-start|after-batch>':
        'state: run on from the position of the state; log-start: read all that the input still holds; ' +
        'after-batch: skip the batch that cannot be read',
    },
    switches: { yes: 'sets the offsets without asking' },
    lesson: `Stop all instances first. It prints for each partition what it would set and what that loses: records that are skipped,
companies that may be announced again or never. It asks before it sets anything; without a terminal, pass --yes.
Without --to it only prints what is possible. Partitions that can run, and those that --to does not fit, stay as they are.

  company-sync positions set
  company-sync positions set --to state
  company-sync positions set --partition 3 --to log-start --yes
`,
    exit: ['every partition can run', 'a partition is still blocked, it was refused, or it failed'],
  },
  repartition: {
    summary: 'moves the state to a greater number of input partitions, while nothing runs',
    flags: { partitions: 'how many partitions the input is to have (default: as many as it has)' },
    lesson: `Stop all who write to the input, let the processor consume everything, and stop all instances. Then run this,
which makes the partitions too, of the input and of the changelog; then start everything again. The folders of the
instances can stay. It presumes that the input is written with Kafka's default partitioner, and refuses where it is not.
It can be ended at any time and be run again: it goes on where it was. Until it is finished, no partition runs.
It needs room for the state of one partition in TMPDIR.

  company-sync repartition --partitions 24
`,
    exit: ['the state is moved', 'refused, or not finished: run it again'],
  },
  'schemas register': { summary: 'registers the schemas', flags: {}, exit: DONE_OR_FAILED },
  'schemas check': {
    summary: 'only checks that the schemas are compatible with those registered',
    flags: {},
    exit: ['all are compatible', 'one is not, or the registry does not answer'],
  },
} as const satisfies Record<string, CommandDescription>;
export type CommandName = keyof typeof COMMANDS;
export const COMMAND_NAMES = Object.keys(COMMANDS) as readonly CommandName[];

export function writesInput(name: CommandName): boolean {
  const { writesInput: writes }: CommandDescription = COMMANDS[name];
  return writes === true;
}

/** What 0, 1 and 2 mean at the end of a command, in words. */
export function exitCodesOf(name: CommandName): readonly [zero: string, one: string, two: string] {
  const { exit }: CommandDescription = COMMANDS[name];
  const [zero, one, two = MISCONFIGURED] = exit;
  return [zero, one, two];
}

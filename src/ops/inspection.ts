/** Wires the parts with which an instance explains companies. */
import { steadyMs } from '../lib/stopwatch.js';
import type { Logger } from 'pino';
import type { SchemaSource } from '../decode/schema-source.js';
import { announcementSource } from '../domain/announcement.js';
import { policyFor } from '../domain/policy.js';
import type { PipelineContext } from '../pipeline/context.js';
import type { Logs, PartitionOwners, StateHolders } from '../pipeline/ports.js';
import { AnnouncedEvents } from './announced-events.js';
import { CompanyDirectory, type LocalPartitions } from './company-directory.js';
import { Deployment } from './deployment.js';
import type { FailureWatch } from './failure-watch.js';
import { InstanceClient } from './instance-client.js';
import type { MemberProofs } from './member-proof.js';
import type { PartitionFigures } from './partition-figures.js';
import { Successors } from './successors.js';
import { PendingLists } from './pending-lists.js';
import type { AddSettings } from '../lib/shell-command.js';

export interface InspectionParts {
  readonly context: PipelineContext;
  readonly local: LocalPartitions;
  /** The number of partitions of the input topic. */
  readonly partitions: number;
  readonly owners: PartitionOwners & StateHolders;
  /** Reads the outbound topic. */
  readonly logs: Logs;
  /** The schema of `CompanySynchronized`. */
  readonly schema: object;
  readonly schemas: SchemaSource;
  /** Derived from HTTP_TOKEN, which all instances of a deployment share. */
  readonly proofs: MemberProofs;
  readonly figures: PartitionFigures;
  readonly failures: FailureWatch;
  /** The address at which the others reach this instance. */
  readonly address: () => string | null;
  readonly addSettings: AddSettings;
  /** The member id of this instance in the group. */
  readonly memberId: () => string | null;
  readonly logger: Logger;
}

/** Answers about companies and partitions, here and in the other instances. */
export interface Inspection {
  readonly companies: CompanyDirectory;
  readonly deployment: Deployment;
  readonly successors: Successors;
}

export function createInspection(parts: InspectionParts): Inspection {
  const { context, local, partitions, owners, logs, schema, schemas, proofs, figures, failures } = parts;
  const { address, addSettings, memberId, logger } = parts;
  const { applicationId, topics, allDatasetsFrom, partitioner, settings, clock } = context;
  const events = new AnnouncedEvents({
    logs,
    clock,
    schema,
    schemas,
    topic: topics.synchronized,
    partitionOf: (companyId, input) => partitioner.partitionFor(topics.synchronized, Buffer.from(companyId), input),
    sourceOf: (input) => announcementSource(applicationId, topics.input, input),
  });
  const figuresOf = (partition: number) => figures.of(partition);
  const askOwners = () => owners.owners();
  const members = async () => (await askOwners()).flatMap(({ httpAddress }) => httpAddress ?? []);
  const client = new InstanceClient(proofs, members);
  const companies = new CompanyDirectory({
    local,
    partitions,
    topic: topics.input,
    peers: client,
    policyOf: (clientId) =>
      policyFor(clock.now(), allDatasetsFrom, clientId === null ? undefined : settings.policyOf(clientId)),
    owners: askOwners,
    announced: (source) => events.find(source),
  });
  const lists = new PendingLists(local, () => steadyMs(clock));
  const failureOf = (partition: number) => failures.failureOf('partition', partition);
  const deployment = new Deployment({
    local,
    lists,
    figuresOf,
    failureOf,
    partitions,
    owners: askOwners,
    client,
    address,
    addSettings,
  });
  const successors = new Successors({
    memberId,
    client,
    clock,
    logger,
    partitions: () => local.statuses().keys(),
    statePositions: () => context.statePositions.all(),
    holders: () => owners.holders(),
  });
  return { companies, deployment, successors };
}

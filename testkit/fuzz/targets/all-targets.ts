import type { FuzzTarget } from '../target.js';
import { avroSchemas } from './avro-schemas.js';
import { avroValues } from './avro-values.js';
import { compression } from './compression.js';
import { deadLetters } from './dead-letters.js';
import { groupMessages } from './group-messages.js';
import { memberAnswers } from './member-answers.js';
import { protocolAnswers } from './protocol-answers.js';
import { recordBatches } from './record-batches.js';
import { registryAnswers } from './registry-answers.js';
import { rows } from './rows.js';
import { settings } from './settings.js';
import { typedEvents } from './typed-events.js';

export const TARGETS: readonly FuzzTarget[] = [
  recordBatches,
  compression,
  protocolAnswers,
  avroValues,
  avroSchemas,
  groupMessages,
  rows,
  settings,
  deadLetters,
  registryAnswers,
  memberAnswers,
  typedEvents,
];

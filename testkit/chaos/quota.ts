/** A quota on the client id of the instances: on the bytes that they write, and on the time that their requests take. */
import { logLevel } from 'kafkajs';
import Decoder from 'kafkajs/src/protocol/decoder.js';
import Encoder from 'kafkajs/src/protocol/encoder.js';
import { BrokerConnections } from '../../src/kafka/connection/broker-connections.js';
import { protocolCall, type Answer, type ProtocolCall } from '../../src/kafka/protocol/protocol-call.js';
import { systemClock } from '../../src/lib/system-clock.js';
import type { Broker } from '../cluster/cluster.js';
import { pollUntil } from '../cluster/poll-until.js';

type Place = Pick<Broker, 'address' | 'name'>;

/** A batch is throttled for seconds: the first is in bytes a second to each broker, the second in % of one thread. */
const QUOTA = { producer_byte_rate: 4_000, request_percentage: 1 };
/** Each broker forwards the request to the controller, and fails while the controller moves. */
const TIMEOUT_MS = 120_000;
const REQUEST_TIMEOUT_MS = 5_000;

export function setQuota(brokers: readonly Place[], clientId: string): Promise<void> {
  return alterQuota(brokers, clientId, false);
}

export function removeQuota(brokers: readonly Place[], clientId: string): Promise<void> {
  return alterQuota(brokers, clientId, true);
}

async function alterQuota(brokers: readonly Place[], clientId: string, isRemoval: boolean): Promise<void> {
  const [requestTimeout, connectionTimeout] = [REQUEST_TIMEOUT_MS, REQUEST_TIMEOUT_MS];
  const settings = { clientId: 'chaos', logLevel: logLevel.NOTHING, requestTimeout, connectionTimeout };
  const connections = new BrokerConnections({ ...settings, brokers: [] }, systemClock);
  let turn = 0;
  const altered = async (): Promise<boolean> => {
    const { address, name } = brokers[turn++ % brokers.length] as Place;
    const { errorCode } = await connections.ask(address, ({ connectionPool }) =>
      connectionPool.send(alterClientQuotas(clientId, isRemoval)),
    );
    if (errorCode !== 0) throw new Error(`${name} answered with error code ${errorCode}`);
    return true;
  };
  try {
    const awaited = `the quota of ${clientId} is ${isRemoval ? 'removed' : 'set'}`;
    await pollUntil(altered, { awaited, timeoutMs: TIMEOUT_MS });
  } finally {
    await connections.close();
  }
}

/** Version 0. */
function alterClientQuotas(clientId: string, isRemoval: boolean): ProtocolCall<Answer> {
  const entity = new Encoder().writeString('client-id').writeString(clientId);
  const changes = Object.entries(QUOTA).map(([key, value]) =>
    new Encoder()
      .writeString(key)
      .writeDouble(isRemoval ? 0 : value)
      .writeBoolean(isRemoval),
  );
  const entry = new Encoder().writeArray([entity], 'object').writeArray(changes, 'object');
  const body = new Encoder().writeArray([entry], 'object').writeBoolean(false); // not only a validation
  return protocolCall(49, 'AlterClientQuotas', 0, body, (bytes) => {
    const decoder = new Decoder(bytes);
    const clientSideThrottleTime = decoder.readInt32();
    const [errorCode = -1] = decoder.readArray((entryDecoder) => entryDecoder.readInt16());
    return { errorCode, clientSideThrottleTime };
  });
}

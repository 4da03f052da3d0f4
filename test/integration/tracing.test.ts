/** The traces of a real instance, as a collector receives them by OTLP over HTTP. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { currentCluster } from '../support/current-cluster.js';
import { deploy } from '../../testkit/deployment.js';
import { consumed } from '../support/outbound.js';
import { Platform } from '../support/platform.js';
import { Processors } from '../../testkit/processor.js';

const TRACE_ID = '0af7651916cd43dd8448eb211c80319c';

const processors = new Processors();
let collector: Server;
/** Bodies in Protobuf, which contain texts and ids unchanged. */
const received: Buffer[] = [];

beforeAll(async () => {
  collector = createServer((request, response) => {
    if (request.url !== '/v1/traces') return response.writeHead(404).end();
    request.on('data', (part: Buffer) => received.push(part));
    return request.on('end', () => response.writeHead(200).end());
  });
  await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  await processors.endAll();
  collector.closeAllConnections();
  await new Promise((resolve) => collector.close(resolve));
});

test('batches and announcements are sent to a collector, and a missing collector delays nothing', async () => {
  const deployment = await deploy(currentCluster());
  const { topics, applicationId } = deployment;
  const endpoint = `http://127.0.0.1:${(collector.address() as AddressInfo).port}`;
  const settings = { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment=here' };
  const platform = await Platform.connect(deployment);
  const traced = { headers: { traceparent: `00-${TRACE_ID}-b7ad6b7169203331-01` } };

  const processor = await processors.startReady(deployment, { settings });
  await consumed(deployment, await platform.send(platform.completeCompany('acme', traced)));
  expect(await processor.stop()).toBe(0);
  const sent = Buffer.concat(received);
  for (const text of [`process ${topics.events}`, `send ${topics.synchronized}`, 'acme', applicationId, 'here'])
    expect(sent.includes(text)).toBe(true);
  expect(sent.includes(Buffer.from(TRACE_ID, 'hex'))).toBe(true);

  const nowhere = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' };
  const other = await processors.startReady(deployment, { settings: nowhere, stateDir: processor.stateDir });
  await consumed(deployment, await platform.send(platform.completeCompany('globex', traced)));
  await platform.close();
  const stoppedAt = Date.now();
  expect(await other.stop()).toBe(0);
  expect(Date.now() - stoppedAt).toBeLessThan(9_000);
});

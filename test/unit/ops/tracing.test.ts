import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import type { Announcement } from '../../../src/domain/announcement.js';
import type { LogRecord } from '../../../src/lib/record.js';
import { TracingObserver } from '../../../src/ops/tracing-observer.js';
import { tracingSettings } from '../../../src/ops/tracing.js';
import { FencedError } from '../../../src/pipeline/errors.js';
import type { BatchReport, BatchStep } from '../../../src/pipeline/observer.js';

const TRACE_ID = '0af7651916cd43dd8448eb211c80319c';
const SPAN_ID = 'b7ad6b7169203331';
const STEPS: readonly BatchStep[] = [
  ...(['decided', 'begun', 'applied', 'produced', 'offset-sent', 'committed', 'confirmed'] as const),
];
const REPORT: BatchReport = {
  records: 7,
  announced: 1,
  deadLetters: 2,
  changes: 9,
  position: 42,
  lag: 0,
  undated: null,
  ignored: { final: 0, refresh: 0, stale: 0, 'nothing-to-do': 0 },
  companies: 1,
  cachedCompanies: 0,
  durationMs: 1,
  latencyMs: 1,
};

const exporter = new InMemorySpanExporter();
const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
/** A date, because the library treats a number below the age of its process as a time since the start. */
const BEGIN_S = Date.UTC(2024, 0) / 1_000;
let nowMs: number;
let observer: TracingObserver;

beforeEach(() => {
  exporter.reset();
  nowMs = BEGIN_S * 1_000;
  const topics = { input: 'events', synchronized: 'synchronized', groupId: 'group' };
  observer = new TracingObserver(provider.getTracer('test'), topics, () => nowMs++);
});

function take(partition: number, ...steps: readonly BatchStep[]): void {
  for (const step of steps) observer.step(partition, step);
}

function announce(partition: number, companyId: string, traceparent: string | null): void {
  const headers = traceparent === null ? [] : [{ key: 'traceparent', value: Buffer.from(traceparent) }];
  const completing: LogRecord = { offset: 41, timestamp: 0, key: null, value: null, headers };
  observer.announced(partition, { companyId } as Announcement, completing);
}

test('a batch is a span of its own, from its fetch to its commit, with its steps', () => {
  take(3, 'fetched', ...STEPS);
  observer.batch(3, REPORT);
  const [span, ...others] = exporter.getFinishedSpans();
  expect(others).toEqual([]);
  expect(span).toMatchObject({ name: 'process events', kind: SpanKind.CONSUMER, startTime: [BEGIN_S, 0] });
  expect(span?.endTime).toEqual([BEGIN_S, 6e6]);
  expect(span?.parentSpanContext).toBeUndefined();
  expect(span?.events.map(({ name }) => name)).toEqual(STEPS);
  expect(span?.attributes).toMatchObject({
    'messaging.system': 'kafka',
    'messaging.operation.type': 'process',
    'messaging.destination.name': 'events',
    'messaging.destination.partition.id': '3',
    'messaging.consumer.group.name': 'group',
    'messaging.batch.message_count': 7,
    'company_sync.next_offset': 42,
    'company_sync.announced': 1,
  });
});

test('an announcement continues the trace of the record that completed the company, linked to its batch', () => {
  take(3, 'fetched', ...STEPS);
  announce(3, 'untraced', null);
  announce(3, 'invalid', `00-${'0'.repeat(32)}-${SPAN_ID}-01`);
  announce(3, 'acme', `00-${TRACE_ID}-${SPAN_ID}-01`);
  announce(3, 'not sampled', `00-${TRACE_ID}-${SPAN_ID}-00`);
  observer.batch(3, REPORT);
  const [send, batch, ...others] = exporter.getFinishedSpans();
  expect(others).toEqual([]);
  expect(send).toMatchObject({ name: 'send synchronized', kind: SpanKind.PRODUCER });
  expect(send?.spanContext().traceId).toBe(TRACE_ID);
  expect(send?.parentSpanContext).toMatchObject({ spanId: SPAN_ID, isRemote: true });
  expect(send?.attributes).toMatchObject({ 'messaging.kafka.message.key': 'acme' });
  expect(send?.links.map(({ context }) => context.spanId)).toEqual([batch?.spanContext().spanId]);
  expect(batch?.links.map(({ context }) => context.traceId)).toEqual([TRACE_ID, TRACE_ID]);
});

test('if a batch takes several transactions, each is a span; one that only moves the position has no span', () => {
  take(3, 'fetched', ...STEPS);
  observer.batch(3, REPORT);
  take(3, ...STEPS);
  observer.batch(3, REPORT);
  take(3, 'begun', 'applied', 'produced', 'offset-sent', 'committed', 'confirmed');
  take(4, 'fetched');
  expect(exporter.getFinishedSpans()).toHaveLength(2);
});

test('a failed batch is a span with the error; an error without a batch has no span', () => {
  take(3, 'fetched', 'decided', 'begun');
  observer.error(3, new FencedError('another owner'));
  observer.error(3, new FencedError('another owner'));
  const [span, ...others] = exporter.getFinishedSpans();
  expect(others).toEqual([]);
  expect(span).toMatchObject({ status: { code: SpanStatusCode.ERROR, message: 'another owner' } });
  expect(span?.attributes).toMatchObject({ 'error.type': 'FencedError' });
});

test.each([
  [{}, false, null],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: '' }, false, null],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' }, true, null],
  [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://collector:4318/v1/traces' }, true, null],
  [{ OTEL_TRACES_EXPORTER: 'otlp' }, true, null],
  [{ OTEL_TRACES_EXPORTER: 'none', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' }, false, null],
  [{ OTEL_SDK_DISABLED: 'TRUE', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' }, false, null],
  [{ OTEL_TRACES_EXPORTER: 'zipkin' }, false, expect.stringContaining('OTEL_TRACES_EXPORTER is "zipkin"')],
  [{ OTEL_TRACES_EXPORTER: 'otlp', OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }, false, expect.stringContaining('"grpc"')],
])('of %j: traces are wanted: %s', (env: Record<string, string>, wanted, fault) => {
  expect(tracingSettings(env)).toEqual({ wanted, fault: fault as unknown });
});

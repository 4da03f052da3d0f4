import {
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Link,
  type SpanContext,
  type Tracer,
} from '@opentelemetry/api';
import type { Announcement } from '../domain/announcement.js';
import type { LogRecord } from '../lib/record.js';
import type { BatchReport, BatchStep, PartitionStatus, PipelineObserver } from '../pipeline/observer.js';
import { traceparentOf } from '../publish/record-headers.js';

export interface TracedTopics {
  readonly input: string;
  readonly synchronized: string;
  /** The consumer group. */
  readonly groupId: string;
}

/** A batch in progress: when it was fetched, and when each of its steps ended; milliseconds since the epoch. */
interface OpenBatch {
  readonly startedAt: number;
  readonly steps: { readonly step: BatchStep; readonly at: number }[];
  /** Companies announced from records that carry a trace. */
  readonly traced: { readonly companyId: string; readonly completing: SpanContext }[];
}

/**
 * Makes spans that are named as OpenTelemetry's semantic conventions for messaging say. Each batch has a `process`
 * span, with its steps as events. Each announcement whose completing record carries a trace has a `send` span in that
 * trace. Both are linked to each other. A record that announces no company makes no span.
 */
export class TracingObserver implements Partial<PipelineObserver> {
  readonly #open = new Map<number, OpenBatch>();

  /** @param now milliseconds since the epoch */
  constructor(
    private readonly tracer: Tracer,
    private readonly topics: TracedTopics,
    private readonly now: () => number,
  ) {}

  step(partition: number, step: BatchStep): void {
    const open = this.#open.get(partition);
    // If a batch takes several transactions, each later one begins with its decisions.
    if (step === 'fetched' || (step === 'decided' && open === undefined))
      this.#open.set(partition, { startedAt: this.now(), steps: [], traced: [] });
    else open?.steps.push({ step, at: this.now() });
  }

  announced(partition: number, { companyId }: Announcement, completing: LogRecord): void {
    const traceparent = traceparentOf(completing.headers)?.value;
    if (traceparent != null)
      this.#open.get(partition)?.traced.push({ companyId, completing: contextOf(String(traceparent)) });
  }

  batch(partition: number, { records, announced, deadLetters, changes, position }: BatchReport): void {
    const batch = this.#open.get(partition);
    if (batch === undefined) return;
    this.#open.delete(partition);
    const span = this.#startSpan(partition, batch);
    span.setAttributes({
      'messaging.batch.message_count': records,
      'company_sync.next_offset': position,
      'company_sync.announced': announced,
      'company_sync.dead_letters': deadLetters,
      'company_sync.changed_rows': changes,
    });
    this.#sendSpans(batch, span.spanContext());
    span.end(endOf(batch));
  }

  /** The batch in progress, if any, has failed. The partition is restarted. */
  error(partition: number, error: unknown): void {
    const batch = this.#open.get(partition);
    if (batch === undefined) return;
    this.#open.delete(partition);
    const span = this.#startSpan(partition, batch);
    const { name, message } = error instanceof Error ? error : new Error(String(error));
    span.setAttribute('error.type', name).setStatus({ code: SpanStatusCode.ERROR, message });
    span.end(this.now());
  }

  state(partition: number, { state }: PartitionStatus): void {
    if (state === 'closed') this.#open.delete(partition);
  }

  #startSpan(partition: number, { startedAt, steps, traced }: OpenBatch) {
    const { input, groupId } = this.topics;
    const links: Link[] = traced.map(({ completing }) => ({ context: completing }));
    const attributes = {
      ...attributesOf('process', input),
      'messaging.destination.partition.id': String(partition),
      'messaging.consumer.group.name': groupId,
    };
    const options = { kind: SpanKind.CONSUMER, root: true, startTime: startedAt, attributes, links };
    const span = this.tracer.startSpan(`process ${input}`, options);
    for (const { step, at } of steps) span.addEvent(step, at);
    return span;
  }

  /** The announcements' own spans, from their decision to their commit. */
  #sendSpans(batch: OpenBatch, batchSpan: SpanContext): void {
    const { synchronized } = this.topics;
    for (const { companyId, completing } of batch.traced) {
      const attributes = { ...attributesOf('send', synchronized), 'messaging.kafka.message.key': companyId };
      const parent = trace.setSpanContext(ROOT_CONTEXT, completing);
      const startTime = batch.steps.find(({ step }) => step === 'decided')?.at ?? batch.startedAt;
      const options = { kind: SpanKind.PRODUCER, startTime, attributes, links: [{ context: batchSpan }] };
      this.tracer.startSpan(`send ${synchronized}`, options, parent).end(endOf(batch));
    }
  }
}

function attributesOf(operation: 'process' | 'send', topic: string) {
  return {
    'messaging.system': 'kafka',
    'messaging.operation.name': operation,
    'messaging.operation.type': operation,
    'messaging.destination.name': topic,
  };
}

function endOf({ startedAt, steps }: OpenBatch): number {
  return steps.find(({ step }) => step === 'committed')?.at ?? startedAt;
}

/** Reads a valid traceparent. */
function contextOf(traceparent: string): SpanContext {
  const [, traceId = '', spanId = '', flags = ''] = traceparent.split('-');
  return { traceId, spanId, traceFlags: parseInt(flags, 16), isRemote: true };
}

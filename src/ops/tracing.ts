/**
 * Sends traces if OpenTelemetry's environment variables ask for them. Its SDK is an optional dependency, and is loaded
 * only then.
 */
import type { Logger } from 'pino';
import { settlesWithin } from '../lib/long-promise.js';
import type { Clock } from '../lib/clock.js';
import type { PipelineObserver } from '../pipeline/observer.js';
import type { TracedTopics } from './tracing-observer.js';

export interface TracingSettings {
  readonly wanted: boolean;
  /** Why no traces are sent although the variables ask for them; null if there is no such fault. */
  readonly fault: string | null;
}

export interface Tracing {
  readonly observer: Partial<PipelineObserver>;
  /** Sends the spans that are left, for at most CLOSE_TIMEOUT_MS. Never rejects. */
  close(): Promise<void>;
}

type Environment = Readonly<Record<string, string | undefined>>;

const PROTOCOL = 'http/protobuf';
/** A collector that is down must not delay the end of the process. */
const CLOSE_TIMEOUT_MS = 2_000;

/** https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/ */
export function tracingSettings(env: Environment): TracingSettings {
  const exporter = env['OTEL_TRACES_EXPORTER']?.trim() ?? '';
  const endpoint = env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'] || env['OTEL_EXPORTER_OTLP_ENDPOINT'] || '';
  const protocol = env['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL'] || env['OTEL_EXPORTER_OTLP_PROTOCOL'] || PROTOCOL;
  const disabled = env['OTEL_SDK_DISABLED']?.trim().toLowerCase() === 'true' || exporter === 'none';
  if (disabled || (exporter === '' && endpoint === '')) return { wanted: false, fault: null };
  if (exporter !== '' && exporter !== 'otlp')
    return { wanted: false, fault: `OTEL_TRACES_EXPORTER is ${JSON.stringify(exporter)}: expected otlp or none` };
  if (protocol !== PROTOCOL)
    return { wanted: false, fault: `the OTLP protocol is ${JSON.stringify(protocol)}: expected ${PROTOCOL}` };
  return { wanted: true, fault: null };
}

/**
 * Returns null if traces are not wanted or cannot be made. The latter is logged: no trace is worth stopping the
 * processor.
 */
export async function startTracing(
  { wanted, fault }: TracingSettings,
  topics: TracedTopics,
  logger: Logger,
  clock: Clock,
): Promise<Tracing | null> {
  if (fault !== null) logger.warn(`not sending traces: ${fault}`);
  if (!wanted) return null;
  let loaded;
  try {
    loaded = await Promise.all([
      import('@opentelemetry/api'),
      import('@opentelemetry/sdk-trace-base'),
      import('@opentelemetry/exporter-trace-otlp-proto'),
      import('@opentelemetry/resources'),
      import('./tracing-observer.js'),
    ]);
  } catch (err) {
    logger.warn(
      { err },
      "not sending traces: OpenTelemetry's SDK is not installed (npm ci --omit=optional leaves it out)",
    );
    return null;
  }
  const [api, sdk, { OTLPTraceExporter }, resources, { TracingObserver }] = loaded;
  const warn = (detail: string) => logger.warn({ detail }, 'traces may be missing: OpenTelemetry reports an error');
  const silent = () => undefined;
  api.diag.setLogger(
    { error: warn, warn, info: silent, debug: silent, verbose: silent },
    { logLevel: api.DiagLogLevel.WARN },
  );
  const named = resources.detectResources({ detectors: [resources.envDetector] });
  const resource = resources
    .defaultResource()
    .merge(resources.resourceFromAttributes({ 'service.name': topics.groupId }))
    .merge(named);
  const spanProcessors = [new sdk.BatchSpanProcessor(new OTLPTraceExporter())];
  const provider = new sdk.BasicTracerProvider({ resource, spanProcessors });
  const observer = new TracingObserver(provider.getTracer('company-sync'), topics, () => clock.now());
  logger.info('sending traces by OTLP');
  return { observer, close: () => closePatiently(provider, clock, warn) };
}

async function closePatiently(
  provider: { shutdown(): Promise<void> },
  clock: Clock,
  warn: (detail: string) => void,
): Promise<void> {
  const closed = provider.shutdown().catch((error: unknown) => warn(String(error)));
  await settlesWithin(closed, clock, CLOSE_TIMEOUT_MS);
}

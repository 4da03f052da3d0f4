/** The Kubernetes manifests fit each other, the image and the settings. A cluster would show faults only later. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { loadConfig } from '../../../src/config.js';
import { exposures } from '../../../src/security-settings.js';

const DEPLOY = join(__dirname, '..', '..', '..', 'deploy');

type Labels = Readonly<Record<string, string>>;
interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string };
}
interface Container {
  readonly args: readonly string[];
  readonly envFrom: readonly { readonly configMapRef?: object; readonly secretRef?: object }[];
  readonly securityContext: object;
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly startupProbe: Probe;
  readonly livenessProbe: Probe;
  readonly readinessProbe: Probe;
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
}
interface Manifests {
  readonly ConfigMap: { readonly metadata: { readonly name: string }; readonly data: Labels };
  readonly Secret: { readonly metadata: { readonly name: string }; readonly stringData: Labels };
  readonly NetworkPolicy: {
    readonly spec: {
      readonly podSelector: { readonly matchLabels: Labels };
      readonly ingress: readonly { readonly from: readonly object[]; readonly ports: readonly object[] }[];
    };
  };
  readonly Service: {
    readonly metadata: { readonly name: string; readonly labels: Labels };
    readonly spec: {
      readonly clusterIP: string;
      readonly selector: Labels;
      readonly ports: readonly { readonly name: string; readonly targetPort: string }[];
    };
  };
  readonly StatefulSet: {
    readonly spec: {
      readonly serviceName: string;
      readonly replicas: number;
      readonly selector: { readonly matchLabels: Labels };
      readonly volumeClaimTemplates: readonly { readonly metadata: { readonly name: string } }[];
      readonly template: {
        readonly metadata: { readonly labels: Labels };
        readonly spec: { readonly terminationGracePeriodSeconds: number; readonly containers: readonly Container[] };
      };
    };
  };
  readonly PodDisruptionBudget: {
    readonly spec: { readonly maxUnavailable: number; readonly selector: { readonly matchLabels: Labels } };
  };
  readonly ServiceMonitor: {
    readonly spec: {
      readonly selector: { readonly matchLabels: Labels };
      readonly endpoints: readonly { readonly port: string; readonly path: string }[];
    };
  };
}

function manifests(): Manifests {
  const text = readFileSync(join(DEPLOY, 'kubernetes', 'company-sync.yaml'), 'utf8');
  const documents = parseAllDocuments(text, { strict: true });
  expect(documents.flatMap(({ errors }) => errors)).toEqual([]);
  const found = documents.map((document) => document.toJS() as { readonly kind: string });
  return Object.fromEntries(found.map((manifest) => [manifest.kind, manifest])) as unknown as Manifests;
}

const { ConfigMap, Secret, NetworkPolicy, Service, StatefulSet, PodDisruptionBudget, ServiceMonitor } = manifests();
const { template } = StatefulSet.spec;
const container = template.spec.containers[0] as Container;

test('every selector finds the pods, and the monitor the service', () => {
  const { labels } = template.metadata;
  expect(StatefulSet.spec.selector.matchLabels).toEqual(labels);
  expect(Service.spec.selector).toEqual(labels);
  expect(PodDisruptionBudget.spec.selector.matchLabels).toEqual(labels);
  expect(ServiceMonitor.spec.selector.matchLabels).toEqual(Service.metadata.labels);
  expect(ServiceMonitor.spec.endpoints).toEqual([expect.objectContaining({ port: 'http', path: '/metrics' })]);
});

test('pods have names, by a headless service', () => {
  expect(Service.spec.clusterIP).toBe('None');
  expect(StatefulSet.spec.serviceName).toBe(Service.metadata.name);
  expect(Service.spec.ports).toEqual([expect.objectContaining({ name: 'http', targetPort: 'http' })]);
});

test('the settings are valid, and fit ports, probes and volumes', () => {
  expect(container.envFrom).toEqual([
    { configMapRef: { name: ConfigMap.metadata.name } },
    { secretRef: { name: Secret.metadata.name } },
  ]);
  expect(container.args).toEqual(['run']);
  const config = loadConfig(ConfigMap.data, {}, (path) => readFileSync(path, 'utf8'));
  expect(config.http.host).toBe('0.0.0.0');
  expect(container.ports).toEqual([{ name: 'http', containerPort: config.http.port }]);
  const claims = StatefulSet.spec.volumeClaimTemplates.map(({ metadata }) => metadata.name);
  expect(container.volumeMounts).toEqual([{ name: claims[0], mountPath: config.stateDir }]);
  expect(readFileSync(join(DEPLOY, 'Dockerfile'), 'utf8')).toContain(`STATE_DIR=${config.stateDir}`);
});

test('the token must be chosen: the placeholder is refused, and another value leaves nothing open', () => {
  const read = (path: string) => readFileSync(path, 'utf8');
  expect(Object.keys(Secret.stringData)).toEqual(['HTTP_TOKEN']);
  expect(() => loadConfig({ ...ConfigMap.data, ...Secret.stringData }, {}, read)).toThrow(
    'HTTP_TOKEN has a value that is not allowed',
  );
  expect(exposures(loadConfig({ ...ConfigMap.data, HTTP_TOKEN: 'chosen' }, {}, read))).toEqual([]);
});

test('only instances and the monitoring reach the port, and a container cannot change itself', () => {
  const { podSelector, ingress } = NetworkPolicy.spec;
  expect(podSelector.matchLabels).toEqual(template.metadata.labels);
  expect(ingress).toEqual([
    {
      from: [{ podSelector }, { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'monitoring' } } }],
      ports: [{ protocol: 'TCP', port: 'http' }],
    },
  ]);
  expect(container.securityContext).toEqual({
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
  });
});

test('a restore makes an instance unready and never ends it', () => {
  expect(container.readinessProbe.httpGet.path).toBe('/readyz');
  for (const probe of [container.livenessProbe, container.startupProbe])
    expect(probe.httpGet).toEqual({ path: '/livez', port: 'http' });
});

test('a stop has the time that it may take, and only one instance at a time is removed', () => {
  const stopSeconds = 10;
  expect(template.spec.terminationGracePeriodSeconds).toBeGreaterThan(stopSeconds);
  expect(PodDisruptionBudget.spec.maxUnavailable).toBe(1);
  expect(StatefulSet.spec.replicas).toBeGreaterThan(1);
});

/** The HTTP API as an OpenAPI 3.1 document. */
import { z } from 'zod';
import { SCHEMAS } from './api-schemas.js';
import { LIST_STATES } from './pending-lists.js';

const API_VERSION = '1.0.0';

type SchemaName = keyof typeof SCHEMAS;

function json(description: string, schema: SchemaName) {
  return { description, content: { 'application/json': { schema: { $ref: `#/components/schemas/${schema}` } } } };
}

const REFUSED = {
  400: json('A parameter is invalid, or comes twice', 'refusal'),
  401: json('The bearer token is missing, or is not HTTP_TOKEN', 'refusal'),
  421: json('HTTP_TOKEN is not set, and the name in the Host header is unknown: see HTTP_ALLOWED_HOSTS', 'refusal'),
  429: json('Too many requests', 'refusal'),
};
const UNSENT = 'too many requests are in progress, or answers wait for clients that do not read them; see Retry-After';

function scope(value: string, description: string) {
  return { name: 'scope', in: 'query', description, schema: { type: 'string', enum: [value] } };
}

const OPEN = { security: [] };

const PATHS = {
  '/livez': {
    get: {
      ...OPEN,
      summary: 'Check that the process is alive',
      responses: { 200: json('The process is alive', 'liveness') },
    },
  },
  '/readyz': {
    get: {
      ...OPEN,
      summary: 'Check that every assigned partition runs',
      responses: {
        200: json('Every assigned partition runs', 'readiness'),
        503: json('The instance or one of its partitions does not run; /partitions has the reasons', 'readiness'),
      },
    },
  },
  '/metrics': {
    get: {
      ...OPEN,
      summary: 'Get metrics for Prometheus',
      responses: { 200: { description: 'Text exposition format', content: { 'text/plain': {} } } },
    },
  },
  '/partitions': {
    get: {
      summary: 'List the partitions of this instance, or of all instances',
      parameters: [scope('deployment', 'deployment: list the partitions of every instance, each with its owner')],
      responses: {
        200: json('State, lag and throughput of each partition', 'partitions'),
        503: json(`At the moment, ${UNSENT}`, 'refusal'),
        ...REFUSED,
      },
    },
  },
  '/companies': {
    get: {
      summary:
        'List companies that are held, stalled, failed, or not announced yet; the longest without progress first',
      parameters: [
        {
          name: 'state',
          in: 'query',
          description: 'required unless id is given',
          schema: { type: 'string', enum: LIST_STATES },
        },
        { name: 'limit', in: 'query', schema: { type: 'integer', minimum: 1, maximum: 1000, default: 50 } },
        scope('instance', 'instance: list only the companies of this instance'),
        {
          name: 'id',
          in: 'query',
          description:
            'a companyId: answer as /companies/{companyId} does. Use this form for the ids . and .., because clients ' +
            'remove them from paths',
          schema: { type: 'string', minLength: 1 },
        },
      ],
      responses: {
        200: json('The first companies of the list', 'companies'),
        503: json(`The instance is starting or stopping, or ${UNSENT}`, 'refusal'),
        ...REFUSED,
      },
    },
  },
  '/companies/{companyId}': {
    get: {
      summary: 'Explain why a company has or has not been announced',
      parameters: [
        { name: 'companyId', in: 'path', required: true, schema: { type: 'string', minLength: 1 } },
        {
          name: 'scope',
          in: 'query',
          description:
            'instance: look only in this instance, and leave out the datasets of an announced company. ' +
            'deployment: ask the instance that has the company, instead of redirecting to it',
          schema: { type: 'string', enum: ['instance', 'deployment'] },
        },
        {
          name: 'explain',
          in: 'query',
          description: 'no, with scope=instance: only say whether this instance has the company',
          schema: { type: 'string', enum: ['no'] },
        },
      ],
      responses: {
        200: json('The explanation', 'explanation'),
        204: { description: 'This instance has the company, and no explanation was asked for' },
        307: {
          description: 'Another instance has the company',
          headers: {
            location: { description: 'The same request at that instance', required: true, schema: { type: 'string' } },
          },
        },
        404: json('No partition has a record of the company', 'explanation'),
        503: json(`It may be in a partition that cannot be read now, or ${UNSENT}`, 'refusal'),
        ...REFUSED,
      },
    },
  },
} as const;

/** The version changes when an existing answer changes. */
export function openApiDocument(): object {
  const schemas = Object.entries(SCHEMAS).map(([name, schema]) => {
    const plain: Record<string, unknown> = { ...z.toJSONSchema(schema) };
    delete plain['$schema']; // OpenAPI 3.1 names the dialect for all of them.
    return [name, plain];
  });
  return {
    openapi: '3.1.0',
    info: {
      title: 'company-sync',
      version: API_VERSION,
      summary: 'What an instance reports about itself and its companies',
    },
    servers: [{ url: '/' }],
    security: [{ token: [] }],
    paths: PATHS,
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer', description: 'If HTTP_TOKEN is set' } },
      schemas: Object.fromEntries(schemas) as object,
    },
  };
}

/** The HTTP API as an OpenAPI 3.1 document. */
import { z } from 'zod';
import { SCHEMAS } from './api-schemas.js';
import { LIST_STATES } from './unfinished-lists.js';

const API_VERSION = '1.0.0';

type SchemaName = keyof typeof SCHEMAS;

function json(description: string, schema: SchemaName) {
  return { description, content: { 'application/json': { schema: { $ref: `#/components/schemas/${schema}` } } } };
}

const REFUSED = {
  400: json('A parameter is not usable, or comes twice', 'refusal'),
  401: json('The bearer token of HTTP_TOKEN is missing or another', 'refusal'),
  421: json('No HTTP_TOKEN is set, and the name in the Host header is not known: see HTTP_ALLOWED_HOSTS', 'refusal'),
  429: json('Too many requests', 'refusal'),
};
const UNSENT = 'too many answers wait for clients that do not read them; see Retry-After';

function scope(value: string, description: string) {
  return { name: 'scope', in: 'query', description, schema: { type: 'string', enum: [value] } };
}

const OPEN = { security: [] };

const PATHS = {
  '/livez': {
    get: { ...OPEN, summary: 'Whether the process lives', responses: { 200: json('It does', 'liveness') } },
  },
  '/readyz': {
    get: {
      ...OPEN,
      summary: 'Whether every assigned partition runs',
      responses: {
        200: json('All of them do', 'readiness'),
        503: json('The instance, or a partition of it, does not; /partitions has the reasons', 'readiness'),
      },
    },
  },
  '/metrics': {
    get: {
      ...OPEN,
      summary: 'Metrics for Prometheus',
      responses: { 200: { description: 'Text exposition format', content: { 'text/plain': {} } } },
    },
  },
  '/partitions': {
    get: {
      summary: 'The partitions of this instance, or of all',
      parameters: [scope('deployment', 'deployment: those of every instance, each with its owner')],
      responses: {
        200: json('State, lag and throughput of each', 'partitions'),
        503: json(`Now ${UNSENT}`, 'refusal'),
        ...REFUSED,
      },
    },
  },
  '/companies': {
    get: {
      summary: 'Companies that are held, stalled, or not announced yet; those without progress for longest first',
      parameters: [
        {
          name: 'state',
          in: 'query',
          description: 'required unless id is given',
          schema: { type: 'string', enum: LIST_STATES },
        },
        { name: 'limit', in: 'query', schema: { type: 'integer', minimum: 1, maximum: 1000, default: 50 } },
        scope('instance', 'instance: those of this one alone'),
        {
          name: 'id',
          in: 'query',
          description:
            'a companyId: then this answers as /companies/{companyId} does. The ids . and .. need this form, ' +
            'because clients remove them from paths',
          schema: { type: 'string', minLength: 1 },
        },
      ],
      responses: {
        200: json('The first of them', 'companies'),
        503: json(`The instance is starting or stopping, or ${UNSENT}`, 'refusal'),
        ...REFUSED,
      },
    },
  },
  '/companies/{companyId}': {
    get: {
      summary: 'Why a company has or has not been announced',
      parameters: [
        { name: 'companyId', in: 'path', required: true, schema: { type: 'string', minLength: 1 } },
        {
          name: 'scope',
          in: 'query',
          description:
            'instance: looks nowhere else, and leaves out the datasets of an announced company. ' +
            'deployment: asks the instance that has the company instead of sending there',
          schema: { type: 'string', enum: ['instance', 'deployment'] },
        },
      ],
      responses: {
        200: json('The explanation', 'explanation'),
        307: {
          description: 'Another instance has the company',
          headers: { location: { description: 'The same there', required: true, schema: { type: 'string' } } },
        },
        404: json('No partition has a record of the company', 'explanation'),
        503: json(`It may be in a partition that cannot be read now, or ${UNSENT}`, 'refusal'),
        ...REFUSED,
      },
    },
  },
} as const;

/** The version changes when something that was answered is answered otherwise. */
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
      summary: 'What an instance says of itself and of the companies it has',
    },
    servers: [{ url: '/' }],
    security: [{ token: [] }],
    paths: PATHS,
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer', description: 'Where HTTP_TOKEN is set' } },
      schemas: Object.fromEntries(schemas) as object,
    },
  };
}

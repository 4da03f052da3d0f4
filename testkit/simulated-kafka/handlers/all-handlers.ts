/** All requests that a simulated broker answers, by API key. */
import { NO_ERROR } from '../error-codes.js';
import { apiVersionsApi } from '../wire/admin-apis.js';
import { ADMIN_HANDLERS } from './admin-handlers.js';
import { fetchHandler } from './fetch-handler.js';
import { GROUP_HANDLERS } from './group-handlers.js';
import { GROUP_OFFSET_HANDLERS } from './group-offset-handlers.js';
import { atOnce, handler, type Handler } from './handler.js';
import { METADATA_HANDLERS } from './metadata-handlers.js';
import { OFFSET_HANDLERS } from './offset-handlers.js';
import { produceHandler } from './produce-handler.js';
import { SETTINGS_HANDLERS } from './settings-handlers.js';
import { TRANSACTION_HANDLERS } from './transaction-handlers.js';

const apiVersions: Handler = handler(
  apiVersionsApi,
  atOnce(() => ({
    errorCode: NO_ERROR,
    apis: [...HANDLERS.values()].map(({ key, min, max }) => ({ key, min, max })),
    throttleMs: 0,
  })),
);

export const HANDLERS: ReadonlyMap<number, Handler> = new Map(
  [
    apiVersions,
    produceHandler,
    fetchHandler,
    ...METADATA_HANDLERS,
    ...OFFSET_HANDLERS,
    ...TRANSACTION_HANDLERS,
    ...GROUP_HANDLERS,
    ...GROUP_OFFSET_HANDLERS,
    ...ADMIN_HANDLERS,
    ...SETTINGS_HANDLERS,
  ].map((each) => [each.key, each]),
);

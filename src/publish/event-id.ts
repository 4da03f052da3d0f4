/** The ids of outbound events. They depend only on the company and the deployment's namespace. */
import { v5 as uuidv5 } from 'uuid';

/**
 * The UUID namespace of all event ids of a deployment.
 *
 * @param eventNamespace EVENT_NAMESPACE; must never change for a deployment, or companies would get second ids
 */
export function eventIdNamespace(eventNamespace: string): string {
  return uuidv5(`company-sync:${eventNamespace}`, uuidv5.URL);
}

export function eventIdOf(companyId: string, namespace: string): string {
  return uuidv5(companyId, namespace);
}

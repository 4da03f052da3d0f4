/** The ids of outbound events. They depend only on the company, the attempt and the deployment's namespace. */
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

/** The id of a company's `CompanySyncFailed`. @param attempt its number among those of the company */
export function failureIdOf(companyId: string, attempt: number, namespace: string): string {
  return uuidv5(`${companyId}/failed/${attempt}`, namespace);
}

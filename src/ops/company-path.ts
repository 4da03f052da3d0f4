/** The path of a company over HTTP. */

/** Clients treat these ids as steps in a path, even percent-encoded, and never send them. */
const STEPS: readonly string[] = ['.', '..'];

/** Asks only whether the company is there. The previous release ignores it, and sends the explanation. */
export const NO_EXPLANATION = 'explain=no';

/** The target of a request for the company: path and query. */
export function companyPath(companyId: string, scope?: 'instance' | 'deployment'): string {
  const id = encodeURIComponent(companyId);
  const [path, query] = STEPS.includes(companyId) ? ['/companies', [`id=${id}`]] : [`/companies/${id}`, []];
  const all = scope === undefined ? query : [...query, `scope=${scope}`];
  return all.length === 0 ? path : `${path}?${all.join('&')}`;
}

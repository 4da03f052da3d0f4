import { auditCluster } from '../../testkit/audit/audit-cluster.js';
import type { AuditReport } from '../../testkit/audit/audit-topics.js';
import { anomalyLines, summaryLine } from '../../testkit/audit/report-lines.js';
import type { Deployment } from '../../testkit/deployment.js';

const ANOMALIES_SHOWN = 3;

/**
 * Audits a deployment whose input was processed completely.
 *
 * @param settingsInPlaceBefore as for `auditCluster`
 * @param olderReleasesRan as for `auditCluster`
 * @throws Error with the evidence if an announcement is missing, repeated, early or wrong
 */
export async function cleanAudit(
  deployment: Deployment,
  settingsInPlaceBefore = 0,
  olderReleasesRan = false,
): Promise<AuditReport> {
  const report = await auditCluster({ ...deployment, settingsInPlaceBefore, olderReleasesRan });
  const { anomalies } = report;
  if (anomalies.length === 0) return report;
  const shown = anomalies.slice(0, ANOMALIES_SHOWN).flatMap(anomalyLines);
  throw new Error([summaryLine(report), ...shown].join('\n'));
}

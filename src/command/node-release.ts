/** Whether the release of Node that runs this process has a fault that hostile input can use. */

/**
 * In older releases, the hash of an id that looks like a number is that number (CVE-2026-21717). A producer can choose ids
 * that collide in each Map: to put 10,000 of them in a Map and find them again takes 400 ms instead of 2 ms.
 * JSON of HTTP clients and of the registry has the same effect.
 * A character before each id would protect only our Maps, and each look-up would take nine times as long.
 */
const FLAW = 'CVE-2026-21717';
/** By major version: the first release without the flaw. Later major versions never had it, others were never corrected. */
const CORRECTED: ReadonlyMap<number, readonly [minor: number, patch: number]> = new Map([
  [20, [20, 2]],
  [22, [22, 2]],
  [24, [14, 1]],
  [25, [8, 2]],
]);
const NEVER_AFFECTED = 26;

/** Why another release of Node must be installed, and which one; null if this one is good. */
export function faultOfNode(version = process.versions.node): string | null {
  const [major = 0, minor = 0, patch = 0] = version.split('.').map((part) => Number.parseInt(part, 10));
  if (major >= NEVER_AFFECTED) return null;
  const corrected = CORRECTED.get(major);
  if (corrected !== undefined && (minor > corrected[0] || (minor === corrected[0] && patch >= corrected[1])))
    return null;
  const releases = [...CORRECTED].map(([ofMajor, release]) => `${ofMajor}.${release.join('.')}`);
  const wanted = corrected === undefined ? `one of ${releases.join(', ')}` : `${major}.${corrected.join('.')}`;
  return (
    `Node ${version} has the flaw ${FLAW}: a producer can choose ids that slow down all partitions of this instance. ` +
    `Install Node ${wanted}, or a later release of the same major version`
  );
}

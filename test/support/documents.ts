import { readdirSync } from 'node:fs';
import { join } from 'node:path';

export const ROOT = join(__dirname, '..', '..');

/** The paths of all documents of this repository. */
export function documents(): string[] {
  const ofRoot = readdirSync(ROOT).map((name) => join(ROOT, name));
  const below = ['docs', 'examples', 'deploy', 'testkit'].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true }).map((name) => join(ROOT, folder, String(name))),
  );
  return [...ofRoot, ...below].filter((file) => file.endsWith('.md') && !file.includes('node_modules'));
}

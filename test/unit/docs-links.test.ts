/** Finds broken links of the documents: to a missing file, or to a heading with another name. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { documents, ROOT } from '../support/documents.js';

/** The anchors that GitHub makes of headings: lower case, without punctuation, with hyphens for spaces. */
function anchorsOf(markdown: string): string[] {
  return [...markdown.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

/** Links of the text, but not those of code or to other hosts. */
function linksOf(markdown: string): string[] {
  const prose = markdown.replace(/```[^]*?```/g, '').replace(/`[^`\n]*`/g, '');
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link).filter((link) => !/^[a-z]+:/.test(link));
}

function problemOf(file: string, link: string): string | null {
  const [path = '', anchor] = link.split('#');
  const target = path === '' ? file : join(dirname(file), path);
  if (!existsSync(target)) return `${relative(ROOT, file)}: ${link} is not there`;
  if (anchor === undefined || !target.endsWith('.md')) return null;
  const known = anchorsOf(readFileSync(target, 'utf8')).includes(anchor);
  return known ? null : `${relative(ROOT, file)}: ${link} names a heading that is not there`;
}

test('every link of a document leads to a file or a heading that exists', () => {
  const found = documents().flatMap((file) => linksOf(readFileSync(file, 'utf8')).map((link) => ({ file, link })));
  expect(found.length).toBeGreaterThan(50);
  expect(found.map(({ file, link }) => problemOf(file, link)).filter((problem) => problem !== null)).toEqual([]);
});

test('a broken link is found', () => {
  const readme = join(ROOT, 'README.md');
  expect(problemOf(readme, 'docs/gone.md')).toBe('README.md: docs/gone.md is not there');
  expect(problemOf(readme, 'docs/operations.md#gone')).toMatch('names a heading that is not there');
  expect(problemOf(readme, 'docs/operations.md#upgrades')).toBeNull();
});

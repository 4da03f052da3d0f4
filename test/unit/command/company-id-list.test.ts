import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CompanyIdList } from '../../../src/command/company-id-list.js';

const folder = mkdtempSync(join(tmpdir(), 'company-id-list-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function linesOf(path: string): Promise<string[]> {
  const list = await CompanyIdList.open(path);
  const lines: string[] = [];
  try {
    for await (const { number, companyId, fault } of list.lines())
      lines.push(companyId === null ? `${number} ${fault}` : `${number}=${companyId}`);
  } finally {
    await list.close();
  }
  return lines;
}

function written(content: string | Buffer): string {
  const path = join(folder, 'ids.txt');
  writeFileSync(path, content);
  return path;
}

test('a line is an id, whatever its line ending; empty lines, comments and a byte order mark are skipped', async () => {
  const path = written('\uFEFFacme\r\n\n# customers of 2022\n  \nünï 公司, "quoted"\nlast');
  expect(await linesOf(path)).toEqual(['1=acme', '5=ünï 公司, "quoted"', '6=last']);
});

test('any other id is written as a text of JSON', async () => {
  const ids = ['#7', '"', ' a ', 'a\nb', '\u0000', '\uFEFF', '公'];
  expect(await linesOf(written(ids.map((id) => JSON.stringify(id)).join('\n')))).toEqual(
    ids.map((id, i) => `${i + 1}=${id}`),
  );
});

test.each<[string, string | Buffer, RegExp]>([
  ['bytes that are not UTF-8', Buffer.of(0x61, 0xff), /not UTF-8/],
  ['a blank at the end', 'acme ', /white space/],
  ['a blank at the beginning', '\u00a0acme', /white space/],
  ['columns', 'acme\t2022-01-01', /write only the id/],
  ['half of a text', '"acme', /not a JSON string/],
  ['a text and more', '"acme",2022', /not a JSON string/],
  ['an empty text', '""', /empty id/],
  ['half of a character', '"\\ud83c"', /half a character/],
  ['more than 1,024 bytes', 'é'.repeat(513), /1026 bytes/],
  ['more than 1,024 bytes in a text', JSON.stringify('é'.repeat(513)), /1026 bytes/],
])('a line with %s is not an id, and the next line is still read', async (_what, line, fault) => {
  const content = Buffer.concat([Buffer.from(line), Buffer.from('\nnext\n')]);
  expect(await linesOf(written(content))).toEqual([expect.stringMatching(fault), '2=next']);
});

test('an id of 1,024 bytes is accepted', async () => {
  expect(await linesOf(written('é'.repeat(512)))).toEqual([`1=${'é'.repeat(512)}`]);
});

test('ids that cross the pieces of a file stay whole', async () => {
  const ids = Array.from({ length: 20_000 }, (_, i) => `公司-${i}`);
  expect(await linesOf(written(ids.join('\n')))).toEqual(ids.map((id, i) => `${i + 1}=${id}`));
});

test('a file without lines is refused before it fills the memory', async () => {
  await expect(linesOf(written(Buffer.alloc(300_000, 0x61)))).rejects.toThrow('more than 64 KiB');
});

test('a missing file is reported by its name', async () => {
  await expect(CompanyIdList.open(join(folder, 'none'))).rejects.toThrow(join(folder, 'none'));
});

test('a file that can be read only once is copied, and a killed process leaves no copy', async () => {
  const pipe = join(folder, 'pipe');
  spawnSync('mkfifo', [pipe]);
  const before = readdirSync(tmpdir()).filter((name) => name.startsWith('company-ids-'));
  const [list] = await Promise.all([CompanyIdList.open(pipe), writeFile(pipe, 'a\nb\n')]);
  expect(readdirSync(tmpdir()).filter((name) => name.startsWith('company-ids-'))).toEqual(before);
  for (let pass = 1; pass <= 2; pass++) {
    const ids: (string | null)[] = [];
    for await (const { companyId } of list.lines()) ids.push(companyId);
    expect(ids).toEqual(['a', 'b']);
  }
  await list.close();
});

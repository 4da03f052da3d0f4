/** The tables of limits in docs/operations.md name every limit that others can meet, with its value. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(__dirname, '..', '..');
const section = /^## Limits$(.*?)^## /ms.exec(readFileSync(join(ROOT, 'docs', 'operations.md'), 'utf8'))?.[1] ?? '';
const rows = [...section.matchAll(/^\| .* \| ([^|]+) \| [^|]+ \| `([^`]+)` \|$/gm)].map(
  ([, value = '', name = '']) => ({
    name,
    value,
  }),
);

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  ms: 1,
  s: 1_000,
  d: 86_400_000,
  Ki: 1_024,
  Mi: 1_024 ** 2,
  KiB: 1_024,
  MiB: 1_024 ** 2,
  GiB: 1_024 ** 3,
};

/** Constants that limit only memory, speed or words, so nobody is refused or loses something. */
const NOT_MET_BY_OTHERS = [
  ...['ops/memory-budget', 'ops/metrics-observer', 'ops/http-server', 'pipeline/', 'repartition/row-mover', 'store/'],
  ...['repartition/open-moves', 'kafka/', 'lib/reason-of', 'lib/iso-time', 'lib/byte-writer', 'avro/record-steps'],
  ...['avro/word-cache', 'domain/announcement-size', 'decode/bad-record', 'decode/registry-brake', 'decode/schema-'],
  ...['decode/readers-by-id', 'decode/kept-schemas', 'publish/', 'command/', 'registry/', 'startup', 'verify/'],
  ...['avro/checked-tap MAX_VARINT_BYTES', 'avro/parse-schema MAX_QUOTED', 'ops/api-schemas MAX_NUMBER'],
  ...['ops/company-routes MAX_NAME', 'ops/http-limits LIMITED_SERVER', 'ops/logging-observer MAX_STATES'],
  ...['ops/wrong-tokens MAX_ADDRESSES', 'repartition/unread-records LIMITS'],
];

function sourceOf(path: string): string {
  return readFileSync(join(ROOT, 'src', `${path}.ts`), 'utf8');
}

/** The value of a constant, or of a field of it, in milliseconds, bytes or pieces. */
function valueOf(name: string): number {
  const [path = '', constant = '', field] = name.split(/[ .]/);
  const source = sourceOf(path);
  const initializer = (wanted: string) =>
    new RegExp(`const ${wanted}(?:: [\\w<>, ]+)? =\\s*([^;]+?)(?: as const)?;`).exec(source)?.[1];
  const text = initializer(constant);
  if (text === undefined) throw new Error(`src/${path}.ts has no constant ${constant}`);
  const own = field === undefined ? text : (new RegExp(`${field}: ([^,}]+)`).exec(text)?.[1] ?? '');
  const expanded = own
    .replace(/wholeNumber\(.*, ([\d_]+)\)/, '$1')
    .replace(/UNITS_MS\.d/, String(UNITS['d']))
    .replace(/\bMIB\b/, String(UNITS['MiB']))
    .replace(/\b[A-Z][A-Z_]+\b/g, (other) => initializer(other) ?? valueOf(`domain/limits ${other}`).toString())
    .replaceAll('_', '');
  if (!/^[\d\s*+.()-]+$/.test(expanded)) throw new Error(`${name} is ${expanded}, which is not a number`);
  return expanded.split('*').reduce((product, factor) => product * Number(factor), 1);
}

test('each value in the tables is that of the constant', () => {
  expect(rows.length).toBeGreaterThan(70);
  const documented = rows.map(({ name, value }) => {
    const [, number = '', unit = ''] = /^([\d,]+) ?(\w*)$/.exec(value) ?? [];
    return { name, value: Number(number.replaceAll(',', '')) * (UNITS[unit] ?? NaN) };
  });
  expect(documented).toEqual(rows.map(({ name }) => ({ name, value: valueOf(name) })));
  expect(new Set(rows.map(({ name }) => name)).size).toBe(rows.length);
});

test('each constant whose name says that it is a limit is in the tables, unless nobody else can meet it', () => {
  const files = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' }).filter((file) =>
    /\.ts$/.test(file),
  );
  const constants = files.flatMap((file) => {
    const path = file.replace(/\.ts$/, '').replaceAll('\\', '/');
    const names = sourceOf(path).matchAll(/^(?:export )?const (\w*(?:MAX|LIMIT)_?\w*)\b(?=.*[\d{])/gm);
    return [...names].map(([, name]) => `${path} ${name}`);
  });
  const documented = new Set(rows.map(({ name }) => name.replace(/\..*/, '')));
  const missing = constants.filter((name) => !documented.has(name));
  expect(missing.filter((name) => !NOT_MET_BY_OTHERS.some((start) => name.startsWith(start)))).toEqual([]);
});

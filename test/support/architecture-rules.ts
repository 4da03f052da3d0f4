/**
 * The rules of the source code, as one pure function over its text: which folder may import which, which code may do
 * I/O, how long a file may be. Because it is pure, its own test can pass violations that the source does not have.
 */
import { isBuiltin } from 'node:module';
import { posix } from 'node:path';
import ts from 'typescript';

/** Text of each source file by its path below src/, with forward slashes. */
export type Sources = ReadonlyMap<string, string>;

/**
 * Imports go from later layers to earlier ones, never between layers of one group. The folders of kafka/ are an
 * exception: they may use each other's files. No files may import each other in a circle. ops/ and kafka/ do not import
 * each other.
 */
const LAYERS: readonly (readonly string[])[] = [
  ['lib'],
  ['avro', 'domain'],
  ['decode', 'store', 'publish'],
  ['pipeline'],
  ['settings'],
  ['kafka/protocol'],
  ['kafka/connection'],
  ['kafka/reading'],
  ['kafka/transactions', 'kafka/topics', 'kafka/group'],
  ['ops'],
  ['registry', 'repartition'],
  ['service'],
  ['verify'],
  ['command'],
  ['main'],
];

/**
 * Layers that may import only these others. The verifier judges what the processor did, so it must not share the rules
 * with it: a mistake in them would be in both, and nobody would notice.
 */
const INDEPENDENT_LAYERS: ReadonlyMap<string, readonly string[]> = new Map([['verify', ['lib', 'avro']]]);

/** The files directly in src/, each with its layer. Every other file is in a folder that has the name of its layer. */
const ROOT_FILES: ReadonlyMap<string, string> = new Map([
  ['setting-values.ts', 'settings'],
  ['setting-row.ts', 'settings'],
  ['settings.ts', 'settings'],
  ['setting-flags.ts', 'settings'],
  ['config.ts', 'settings'],
  ['config-parts.ts', 'settings'],
  ['security-settings.ts', 'settings'],
  ['deciding-settings.ts', 'settings'],
  ['service.ts', 'service'],
  ['running-instance.ts', 'service'],
  ['group-member.ts', 'service'],
  ['start-checks.ts', 'service'],
  ['startup.ts', 'service'],
  ['pipeline-context.ts', 'service'],
  ['surroundings.ts', 'service'],
  ['main.ts', 'main'],
]);
const FOLDERS = LAYERS.flat().filter((layer) => !['settings', 'service', 'main'].includes(layer));

/** The layers whose results depend only on their arguments: they also run in a simulation. */
const PURE_LAYERS = ['domain', 'pipeline'];
const BUILTINS_WITHOUT_IO = ['assert', 'buffer', 'util', 'util/types'];
/** Packages that only one layer may import. */
const CONFINED_PACKAGES: ReadonlyMap<string, string> = new Map([
  ['kafkajs', 'kafka'],
  ['@kafkajs/confluent-schema-registry', 'registry'],
  // Only to write Avro. Its readers have no limits: src/avro reads Avro.
  ['avsc', 'publish'],
  ['rocksdb', 'store'],
  ['rocksdb-native', 'store'],
]);

const IMPURE_GLOBALS = [
  'setTimeout',
  'setInterval',
  'setImmediate',
  'queueMicrotask',
  'performance',
  'crypto',
  'fetch',
  'process',
  'console',
];
const IMPURE_PROPERTIES = ['Date.now', 'Math.random'];

/** The machine's clock, and the layers that may import it. All other code gets a clock as a parameter. */
const MACHINE_CLOCK = 'lib/system-clock.ts';
const LAYERS_WITH_MACHINE_CLOCK = ['command', 'main'];
/**
 * Only these files write to the terminal, and they escape the text: `print` writes lines, `consent` asks a question.
 */
const PRINTING_FILES = ['command/print.ts', 'command/consent.ts'];
/**
 * Avro readers of packages. They are forbidden, because hostile bytes keep them busy without an end, or exhaust the
 * memory.
 */
const UNBOUNDED_AVRO_READERS = ['fromBuffer', 'createResolver', 'createFileDecoder'];

const MAX_LINES = 300;
/** The words that the first comment of a longer file must contain, with the reason for its length. */
const LENGTH_EXPLAINED = /300 lines/;

/** Every violation, as `<file>: <what is wrong>`. */
export function architectureViolations(sources: Sources): string[] {
  const violations: string[] = [];
  const graph = new Map<string, string[]>();
  for (const [path, text] of sources) {
    const report = (violation: string) => violations.push(`${path}: ${violation}`);
    const layer = layerOf(path);
    if (layer === null) {
      report('lies in no folder of the layout');
      continue;
    }
    const file = ts.createSourceFile(path, text, ts.ScriptTarget.ESNext, true);
    const imported = importsOf(file);
    graph.set(path, checkImports(path, layer, imported, sources, report));
    if (path !== 'main.ts') checkProcess(file, report);
    if (!PRINTING_FILES.includes(path)) checkPrinting(file, report);
    checkAvroReaders(file, report);
    if (path !== 'lib/reason-of.ts') checkReasons(file, report);
    if (path !== 'lib/shell-command.ts' && text.includes('--bootstrap-server'))
      report('has --bootstrap-server: lib/shell-command.ts makes the commands of Kafka tools');
    // The clock may be set back. Then a wait that is measured by the time of the day takes hours longer.
    if (layer === 'decode' && /\bclock\.now\(\)/.test(text))
      report('reads the time of the day, and decode only measures durations: use steadyMs');
    if (PURE_LAYERS.includes(layer)) checkPurity(file, report);
    checkLength(text, report);
  }
  for (const cycle of cyclesOf(graph)) violations.push(`${cycle[0]}: imports itself by way of ${cycle.join(' -> ')}`);
  return violations;
}

type Report = (violation: string) => void;

function layerOf(path: string): string | null {
  const slash = path.indexOf('/');
  if (slash === -1) return ROOT_FILES.get(path) ?? null;
  return FOLDERS.find((folder) => path.startsWith(`${folder}/`)) ?? null;
}

/** Every module specifier of the file: import and export, with types, dynamic and in types, and require. */
function importsOf(file: ts.SourceFile): string[] {
  const specifiers: string[] = [];
  const note = (node: ts.Node | undefined) => {
    if (node !== undefined && ts.isStringLiteralLike(node)) specifiers.push(node.text);
  };
  walk(file, (node) => {
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) note(node.moduleSpecifier);
    else if (ts.isExternalModuleReference(node)) note(node.expression);
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) note(node.argument.literal);
    else if (ts.isCallExpression(node) && isImportCall(node)) note(node.arguments[0]);
  });
  return specifiers;
}

function isImportCall({ expression }: ts.CallExpression): boolean {
  return (
    expression.kind === ts.SyntaxKind.ImportKeyword || (ts.isIdentifier(expression) && expression.text === 'require')
  );
}

/** Reports the imports that are not allowed in the file, and returns the source files that it imports. */
function checkImports(path: string, layer: string, specifiers: string[], sources: Sources, report: Report): string[] {
  const files: string[] = [];
  for (const specifier of specifiers) {
    if (!specifier.startsWith('.')) {
      checkExternal(layer, specifier, report);
      continue;
    }
    const target = resolve(path, specifier, sources);
    if (target === null) {
      report(`imports ${specifier}, which is no source file`);
      continue;
    }
    files.push(target);
    if (target === MACHINE_CLOCK && !LAYERS_WITH_MACHINE_CLOCK.includes(layer))
      report(`imports ${target}, and ${layer} gets its clock as a parameter`);
    const other = layerOf(target);
    if (other !== null && !mayImport(layer, other)) report(`imports ${target}, and ${layer} must not know ${other}`);
  }
  return files;
}

function resolve(from: string, specifier: string, sources: Sources): string | null {
  const base = posix.join(posix.dirname(from), specifier).replace(/\.js$/, '');
  return [`${base}.ts`, `${base}.d.ts`].find((path) => sources.has(path)) ?? null;
}

function mayImport(layer: string, other: string): boolean {
  if (layer === 'ops' && isOfKafka(other)) return false;
  const only = INDEPENDENT_LAYERS.get(layer);
  if (only !== undefined) return other === layer || only.includes(other);
  if (other === layer || rankOf(other) < rankOf(layer)) return true;
  return rankOf(other) === rankOf(layer) && isOfKafka(layer) && isOfKafka(other);
}

function isOfKafka(layer: string): boolean {
  return layer.startsWith('kafka/');
}

function rankOf(layer: string): number {
  return LAYERS.findIndex((group) => group.includes(layer));
}

function checkExternal(layer: string, specifier: string, report: Report): void {
  if (isBuiltin(specifier)) {
    const name = specifier.replace(/^node:/, '');
    if (PURE_LAYERS.includes(layer) && !BUILTINS_WITHOUT_IO.includes(name))
      report(`imports ${specifier}, and ${layer} reaches the world only through its arguments`);
    return;
  }
  const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
  const home = CONFINED_PACKAGES.get(name);
  if (home !== undefined && layer.split('/')[0] !== home) report(`imports ${specifier}, which only ${home} may know`);
  else if (PURE_LAYERS.includes(layer)) report(`imports ${specifier}, and ${layer} depends on no package`);
}

/** Only main.ts may read arguments and environment. The rule finds every way to read them. */
function checkProcess(file: ts.SourceFile, report: Report): void {
  walk(file, (node) => {
    if ((ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier !== undefined) {
      if (/^['"](node:)?process['"]$/.test(node.moduleSpecifier.getText())) report('imports process: it is a global');
    } else if (ts.isIdentifier(node) && node.text === 'process' && isValue(node)) {
      const used = propertyUsed(node);
      if (used === null) report('passes process on, with the arguments and the environment that only main.ts may read');
      else if (used === 'argv' || used === 'env') report(`reads process.${used}, which only main.ts may do`);
    }
  });
}

/** All output must go through command/print.ts, which escapes characters that could move the cursor or begin a line. */
function checkPrinting(file: ts.SourceFile, report: Report): void {
  walk(file, (node) => {
    if (ts.isImportDeclaration(node) && /^['"](node:)?console['"]$/.test(node.moduleSpecifier.getText()))
      report('imports console, and only command/print.ts prints');
    if (!ts.isIdentifier(node) || !isValue(node)) return;
    const used = node.text === 'process' ? propertyUsed(node) : null;
    if (node.text === 'console' || used === 'stdout' || used === 'stderr')
      report(`uses ${used === null ? 'console' : `process.${used}`}, and only command/print.ts prints`);
  });
}

/** The name of the property of `process` or `globalThis.process` that is read; null if the object itself is used. */
function propertyUsed(identifier: ts.Identifier): string | null {
  const { parent } = identifier;
  const object = ts.isPropertyAccessExpression(parent) && parent.name === identifier ? parent : identifier;
  const use = object.parent;
  if (ts.isPropertyAccessExpression(use) && use.expression === object) return use.name.text;
  if (ts.isElementAccessExpression(use) && ts.isStringLiteralLike(use.argumentExpression))
    return use.argumentExpression.text;
  return null;
}

/** Whether the identifier is the global of that name, and not a property, parameter or type of the same name. */
function isValue(identifier: ts.Identifier): boolean {
  const { parent } = identifier;
  if (ts.isPropertyAccessExpression(parent) && parent.name === identifier)
    return ts.isIdentifier(parent.expression) && parent.expression.text === 'globalThis';
  if (ts.isShorthandPropertyAssignment(parent)) return true;
  const named = (parent as { name?: ts.Node }).name;
  return named !== identifier && !ts.isTypeNode(parent) && !ts.isQualifiedName(parent);
}

function checkAvroReaders(file: ts.SourceFile, report: Report): void {
  walk(file, (node) => {
    if (ts.isPropertyAccessExpression(node) && UNBOUNDED_AVRO_READERS.includes(node.name.text))
      report(`uses ${node.name.text}, which has no bounds: AvroReader reads Avro`);
  });
}

/**
 * Why something failed is not always in the message of its error: an error of `fetch` has it in its cause, and the
 * message of an AggregateError is empty.
 */
function checkReasons(file: ts.SourceFile, report: Report): void {
  walk(file, (node) => {
    if (!ts.isConditionalExpression(node) || !ts.isPropertyAccessExpression(node.whenTrue)) return;
    if (/ instanceof Error$/.test(node.condition.getText()) && node.whenTrue.name.text === 'message')
      report('reads the message of any error, which may be empty: `reasonOf` gives the reason');
  });
}

function checkPurity(file: ts.SourceFile, report: Report): void {
  walk(file, (node) => {
    if (ts.isIdentifier(node) && IMPURE_GLOBALS.includes(node.text) && isValue(node)) report(`uses ${node.text}`);
    else if (ts.isPropertyAccessExpression(node) && IMPURE_PROPERTIES.includes(node.getText()))
      report(`uses ${node.getText()}`);
    else if (ts.isNewExpression(node) && node.expression.getText() === 'Date' && !node.arguments?.length)
      report('uses new Date(), which is the time now');
  });
}

function checkLength(text: string, report: Report): void {
  const lines = text.trimEnd().split('\n').length;
  if (lines <= MAX_LINES) return;
  const [first] = ts.getLeadingCommentRanges(text, 0) ?? [];
  const comment = first === undefined ? '' : text.slice(first.pos, first.end);
  if (!LENGTH_EXPLAINED.test(comment))
    report(`has ${lines} lines, and its first comment does not say why it exceeds 300 lines`);
}

/** The circles of imports: a depth-first walk reports each file at which it returns to its own path. */
function cyclesOf(graph: ReadonlyMap<string, readonly string[]>): string[][] {
  const cycles: string[][] = [];
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): void => {
    const start = path.indexOf(file);
    if (start !== -1) cycles.push([...path.slice(start), file]);
    if (start !== -1 || done.has(file)) return;
    for (const imported of graph.get(file) ?? []) visit(imported, [...path, file]);
    done.add(file);
  };
  for (const file of graph.keys()) visit(file, []);
  return cycles;
}

function walk(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node);
  ts.forEachChild(node, (child) => walk(child, visit));
}

/** What the programs outside src/ may import from each other. All of them may import src/. */
const PROGRAMS: ReadonlyMap<string, readonly string[]> = new Map([
  ['testkit', ['examples']],
  ['test', ['testkit', 'examples']],
  ['demo', ['testkit']],
  ['bench', ['testkit']],
  ['examples', []],
]);

/** @param sources by path below the repository @returns one sentence for each import that `PROGRAMS` does not allow */
export function programViolations(sources: Sources): string[] {
  const violations: string[] = [];
  for (const [path, text] of sources) {
    const program = folderOf(path);
    const allowed = [program, 'src', ...(PROGRAMS.get(program) ?? [])];
    const imported = importsOf(ts.createSourceFile(path, text, ts.ScriptTarget.ESNext, true));
    for (const specifier of imported.filter((one) => one.startsWith('.'))) {
      const target = posix.join(posix.dirname(path), specifier);
      if (!allowed.includes(folderOf(target))) violations.push(`${path} imports ${target}`);
    }
  }
  return violations;
}

function folderOf(path: string): string {
  return path.split('/', 1)[0] ?? '';
}

import tseslint from 'typescript-eslint';

const PRIVATE_MEMBER = {
  selector:
    ':matches(PropertyDefinition, MethodDefinition[kind!="constructor"])[accessibility="private"]:not([static=true])',
  message:
    'Write #name: private members are private at run time too. Constructor parameters may stay `private readonly`.',
};
const SPREAD_OF_LITERAL = {
  selector: 'SpreadElement > ObjectExpression.argument',
  message: 'Write the properties one by one: a spread of an object literal only steers the formatter.',
};
const CAMEL_CASE_CONSTANT = {
  selector:
    ':matches(Program, Program > ExportNamedDeclaration) > VariableDeclaration[kind="const"] > ' +
    'VariableDeclarator[id.name=/^[a-z]/][init.type=/^(Literal|UnaryExpression|BinaryExpression)$/]',
  message: 'Name limits, units and other literals of a module in SCREAMING_CASE.',
};
const WALL_CLOCK_AS_DEADLINE = {
  selector:
    ':matches(BinaryExpression[operator=/^([-+<>]|<=|>=)$/], VariableDeclarator[id.name="now"]) > ' +
    'CallExpression[callee.property.name="now"]' +
    ':matches([callee.object.name=/^(Date|.*[cC]lock)$/], [callee.object.property.name="clock"])',
  message:
    "The machine's clock may be set: measure waits and deadlines by a Stopwatch or by steadyMs (lib/stopwatch.ts). If the " +
    'time is compared with a stored one, write `const wallMs = clock.now()` first.',
};

export default tseslint.config(
  { ignores: ['dist/', 'node_modules/', 'state/', '**/*.cjs'] },
  ...tseslint.configs.recommendedTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      'no-restricted-syntax': ['error', PRIVATE_MEMBER, SPREAD_OF_LITERAL, CAMEL_CASE_CONSTANT],
    },
  },
  {
    files: ['src/**'],
    rules: {
      'no-restricted-syntax': ['error', PRIVATE_MEMBER, SPREAD_OF_LITERAL, CAMEL_CASE_CONSTANT, WALL_CLOCK_AS_DEADLINE],
    },
  },
  { files: ['eslint.config.js', 'page/**', '**/*.mjs'], extends: [tseslint.configs.disableTypeChecked] },
);

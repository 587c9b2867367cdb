import eslint from '@eslint/js';
import tseslint from 'typescript-eslint';

const nodeGlobals = Object.fromEntries(
  [
    'AbortController',
    'AbortSignal',
    'Buffer',
    'TextDecoder',
    'TextEncoder',
    'URL',
    'clearImmediate',
    'clearInterval',
    'clearTimeout',
    'console',
    'fetch',
    'performance',
    'process',
    'queueMicrotask',
    'setImmediate',
    'setInterval',
    'setTimeout',
    'structuredClone',
  ].map((name) => [name, 'readonly']),
);

const namedExportsOnly = {
  'no-restricted-syntax': [
    'error',
    {
      selector: 'ExportDefaultDeclaration',
      message: 'Named exports only: one thing has one name everywhere.',
    },
  ],
};

export default tseslint.config(
  {
    ignores: [
      ...['dist/', 'build/', 'node_modules/', '.cache/', 'prebuilds/', '.gpu-kit/', '.gpu/'],
      // Types of scripts that are plain JavaScript; the tests' tsc run checks them.
      ...['bench/**/*.d.mts', 'scripts/**/*.d.mts'],
    ],
  },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  eslint.configs.recommended,
  {
    files: ['**/*.{ts,mts,cts}'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: {
      parserOptions: {
        projectService: { allowDefaultProject: ['vitest.config.mts'] },
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/consistent-type-imports': [
        'error',
        // `typeof import('…')` is how a module's own type is named.
        { disallowTypeAnnotations: false },
      ],
      '@typescript-eslint/consistent-type-exports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      // A number in a message says what it is.
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      // What a JavaScript caller hands over is checked although its type says that it needs no check.
      '@typescript-eslint/no-unnecessary-condition': 'off',
      // `async` without `await` turns a throw into a rejection, which is what a function that returns a promise owes.
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', ignoreRestSiblings: true },
      ],
      // An abort rejects with `signal.reason`, whatever that is.
      '@typescript-eslint/prefer-promise-reject-errors': [
        'error',
        { allowThrowingAny: true, allowThrowingUnknown: true },
      ],
      // commander's types promise a previous value that it does not pass at first.
      '@typescript-eslint/no-useless-default-assignment': 'off',
      ...namedExportsOnly,
    },
  },
  {
    files: ['lib/**'],
    rules: {
      // V8 follows awaited promises: one that is only returned cuts the caller off the stack of an early rejection.
      '@typescript-eslint/return-await': ['error', 'always'],
      // The CLI prints through its own output; a library is silent.
      'no-console': 'error',
    },
  },
  {
    files: ['lib/cli/**'],
    rules: { 'no-console': 'off' },
  },
  {
    files: ['test/**', 'bench/**'],
    rules: {
      // A test hands over what the types forbid to see it refused, and reads what it has just put there.
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      '@typescript-eslint/no-meaningless-void-operator': 'off',
      '@typescript-eslint/ban-ts-comment': 'off',
      '@typescript-eslint/unbound-method': 'off',
    },
  },
  {
    files: ['**/*.{js,mjs,cjs}'],
    languageOptions: { globals: nodeGlobals },
    rules: namedExportsOnly,
  },
  {
    files: ['**/*.cjs'],
    languageOptions: {
      sourceType: 'commonjs',
      globals: { ...nodeGlobals, __dirname: 'readonly', module: 'writable', require: 'readonly' },
    },
  },
  {
    // These tools read a default export.
    files: ['eslint.config.mjs', 'vitest.config.mts'],
    rules: { 'no-restricted-syntax': 'off' },
  },
);

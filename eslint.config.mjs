import { existsSync } from 'node:fs';
import eslint from '@eslint/js';
import tseslint from 'typescript-eslint';

export default tseslint.config(
  { ignores: ['**/dist/', '.local/', '**/node_modules/', 'scoring-runtime/kernel/*.ts'] },
  // Checked by types, so only where its own packages are installed; continuous integration does that.
  { ignores: existsSync('samples/guardian-app/node_modules') ? [] : ['samples/guardian-app/src/'] },
  eslint.configs.recommended,
  {
    files: ['**/*.mjs'],
    languageOptions: {
      globals: Object.fromEntries(
        ['process', 'console', 'Buffer', 'URL', 'fetch', 'AbortSignal', 'setTimeout'].map(name => [name, 'readonly']),
      ),
    },
  },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true },
      ],
      // `while (true)` with an exit in its body is the plainest form of a poll loop.
      '@typescript-eslint/no-unnecessary-condition': ['error', { allowConstantLoopConditions: true }],
    },
  },
  {
    // What a bundle or the product reads from the environment goes through one adapter, so that it can be listed and tested.
    files: ['tasks/**/*.ts', 'lib/**/*.ts', 'cli/**/*.ts'],
    ignores: ['lib/host/**', 'cli/guardian.ts'],
    rules: {
      'no-restricted-properties': [
        'error',
        {
          object: 'process',
          property: 'env',
          message: "Only lib/host and the command line's entry read the environment.",
        },
      ],
    },
  },
  {
    // node:assert narrows through assertions, and mocha's this-context is not a closure.
    files: ['test/**/*.ts'],
    rules: {
      '@typescript-eslint/no-non-null-assertion': 'off',
      // The Kubernetes client's models are classes, but its methods take plain objects.
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
    },
  },
);

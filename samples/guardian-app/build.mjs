// One file per service in dist/: what a container image holds, besides the policy and the review page.
import { cpSync, rmSync } from 'node:fs';
import { build } from 'esbuild';

const services = [
  'ingestion',
  'fast-screening',
  'deep-vision',
  'policy-engine',
  'human-review',
  'notification',
  'api-gateway',
  'setup-aws',
];

rmSync('dist', { recursive: true, force: true });
await build({
  entryPoints: services.map(name => ({ in: `src/${name}/main.ts`, out: name })),
  outdir: 'dist',
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  outExtension: { '.js': '.mjs' },
  sourcemap: 'linked',
  // Some dependencies are CommonJS and call require.
  banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
  logLevel: 'warning',
});
cpSync('policies', 'dist/policies', { recursive: true });
cpSync('src/api-gateway/review-page', 'dist/review-page', { recursive: true });

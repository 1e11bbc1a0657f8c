/** Writes the JSON schema of guardian-model.json from the rules that the runtime applies: `npx tsx scoring-runtime/src/write-schema.ts`. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { manifestJsonSchema } from './model-folder/manifest-json-schema';

writeFileSync(
  join(__dirname, '../schema/guardian-model.schema.json'),
  `${JSON.stringify(manifestJsonSchema(), null, 2)}\n`,
);

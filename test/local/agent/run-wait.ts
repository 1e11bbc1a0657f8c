import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Masker } from '../../../local/agent/masker';
import { runTaskProcess } from '../../../local/agent/run-task';
import { taskFixtures } from './task-fixture';

// A runner of its own, for the test that kills it: runs the task Wait and prints its lines.
const folder = process.argv[2] ?? mkdtempSync(join(tmpdir(), 'guardian-wait-'));
void runTaskProcess({
  taskDir: join(taskFixtures, 'Wait'),
  inputs: { onInterrupt: 'stubborn', grandchild: 'true' },
  connections: [],
  variables: [],
  workDir: join(folder, 's'),
  tempDir: join(folder, 'temp'),
  masker: new Masker(),
  onLine: line => console.log(line),
});

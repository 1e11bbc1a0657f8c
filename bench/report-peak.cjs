/* global process */
// Loaded before a task's bundle: writes the process's peak memory to the file of PEAK_MEMORY_FILE, in KiB, as it ends.
const { writeFileSync } = require('node:fs');

process.on('exit', () => {
  writeFileSync(process.env.PEAK_MEMORY_FILE, String(process.resourceUsage().maxRSS));
});

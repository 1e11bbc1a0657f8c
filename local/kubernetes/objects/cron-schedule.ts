const shortcuts: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
};

const monthNames = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const dayNames = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

/** Checks the five fields of a crontab line, or `@daily` and the like. @throws Error that says what is wrong */
export function checkSchedule(text: string): void {
  const fields = (shortcuts[text.trim()] ?? text).trim().split(/\s+/);
  if (fields.length !== 5) throw new Error(`expected exactly 5 fields, found ${fields.length}: [${fields.join(' ')}]`);
  const [minute = '', hour = '', day = '', month = '', weekDay = ''] = fields;
  checkField(minute, 0, 59);
  checkField(hour, 0, 23);
  checkField(day, 1, 31);
  checkField(month, 1, 12, monthNames);
  checkField(weekDay, 0, 6, dayNames);
}

function checkField(field: string, least: number, most: number, names: readonly string[] = []): void {
  for (const part of field.split(',')) {
    const [, range = '', step] = /^([^/]+)(?:\/(\d+))?$/.exec(part) ?? [];
    const [from = '', to] = range.split('-');
    const all = range === '*' || range === '?';
    const first = all ? least : numberOf(from, least, names);
    const last = all || (to === undefined && step !== undefined) ? most : numberOf(to ?? from, least, names);
    const by = step === undefined ? 1 : Number(step);
    if (!(first >= least && last <= most && first <= last && by > 0)) {
      throw new Error(`failed to parse field ${field}: must be within ${least} and ${most}`);
    }
  }
}

function numberOf(text: string, least: number, names: readonly string[]): number {
  const named = names.indexOf(text.toLowerCase());
  if (named >= 0) return named + least;
  return /^\d+$/.test(text) ? Number(text) : Number.NaN;
}

/** A line `##vso[area.event key=value;key=value]data` that a step printed. */
export interface LoggingCommand {
  area: string;
  event: string;
  /** By key in lower case: the agent ignores case. */
  properties: Record<string, string>;
  data: string;
}

const prefix = '##vso[';

/**
 * Reads a command anywhere in a line, as the agent does; undefined for a line that holds none or a broken one.
 * @param decodePercents whether `%AZP25` stands for `%` (the agent's variable DECODE_PERCENTS).
 */
export function parseLoggingCommand(line: string, decodePercents = true): LoggingCommand | undefined {
  const start = line.indexOf(prefix);
  if (start < 0) return undefined;
  const end = line.indexOf(']', start);
  if (end < 0) return undefined;
  const info = line.slice(start + prefix.length, end);
  const space = info.indexOf(' ');
  const [area, event, ...rest] = (space < 0 ? info : info.slice(0, space)).split('.').filter(part => part !== '');
  if (area === undefined || event === undefined || rest.length > 0) return undefined;
  const properties: Record<string, string> = {};
  for (const pair of space < 0 ? [] : info.slice(space + 1).split(';')) {
    const equals = pair.indexOf('=');
    // A property without a value is as good as absent.
    if (equals > 0 && equals < pair.length - 1) {
      properties[pair.slice(0, equals).trim().toLowerCase()] = unescapeCommand(pair.slice(equals + 1), decodePercents);
    }
  }
  return { area, event, properties, data: unescapeCommand(line.slice(end + 1), decodePercents) };
}

export function unescapeCommand(text: string, decodePercents: boolean): string {
  const plain = text.replaceAll('%3B', ';').replaceAll('%0D', '\r').replaceAll('%0A', '\n').replaceAll('%5D', ']');
  return decodePercents ? plain.replaceAll('%AZP25', '%') : plain;
}

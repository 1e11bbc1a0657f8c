import { userError } from '../arm/arm-error';
import { isoDurationSeconds } from '../compute/iso-duration';

/** Readers of a JSON body. `where` is the path that goes into the error's target. All throw ArmError 400 for a value of another type. */

export type Body = Record<string, unknown>;

/** Null when absent, null or empty. */
export function text(given: Body, key: string, where = ''): string | null {
  const value = given[key];
  if (value === undefined || value === null || value === '') return null;
  if (typeof value !== 'string') throw invalid(where + key, 'must be a string');
  return value;
}

export function requiredText(given: Body, key: string, where = ''): string {
  const value = text(given, key, where);
  if (value === null) throw userError(`The ${where}${key} field is required.`, { target: where + key });
  return value;
}

export function record(given: Body, key: string, where = ''): Body {
  return optionalRecord(given, key, where) ?? {};
}

export function optionalRecord(given: Body, key: string, where = ''): Body | null {
  const value = given[key];
  if (value === undefined || value === null) return null;
  if (typeof value !== 'object' || Array.isArray(value)) throw invalid(where + key, 'must be an object');
  return value as Body;
}

/** A whole number of at least `least`; `otherwise` when absent. */
export function wholeNumber(given: Body, key: string, least: number, otherwise: number, where = ''): number {
  const value = given[key];
  if (value === undefined || value === null) return otherwise;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < least)
    throw invalid(where + key, `must be a whole number of at least ${least}`);
  return value;
}

/** A number, or undefined when absent. */
export function decimal(given: Body, key: string, where = ''): number | undefined {
  const value = given[key];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'number' || !Number.isFinite(value)) throw invalid(where + key, 'must be a number');
  return value;
}

/** An ISO 8601 duration as it came; null when absent. */
export function duration(given: Body, key: string, where = ''): string | null {
  const value = text(given, key, where);
  if (value !== null && isoDurationSeconds(value) === undefined)
    throw invalid(where + key, `is '${value}', which is not an ISO 8601 duration, for example PT1H30M`);
  return value;
}

/** One of these words, in any letter case, in the spelling of the list. */
export function oneOf<T extends string>(given: Body, key: string, known: readonly T[], otherwise: T, where = ''): T {
  const value = text(given, key, where);
  if (value === null) return otherwise;
  const found = known.find(word => word.toLowerCase() === value.toLowerCase());
  if (found === undefined) throw invalid(where + key, `is '${value}'; supported: ${known.join(', ')}`);
  return found;
}

export function invalid(target: string, why: string): Error {
  return userError(`The value of ${target} ${why}.`, { target });
}

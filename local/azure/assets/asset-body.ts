import { userError } from '../arm/arm-error';

/** The pattern of Microsoft.MachineLearningServices for the parameter `name` of the version PUT operations. */
export function isAssetName(name: string): boolean {
  return /^[a-zA-Z0-9][a-zA-Z0-9\-_.]{0,254}$/.test(name);
}

/** Checks a name or version from a path. @throws ArmError 400 */
export function assetName(what: string, name: string): string {
  if (isAssetName(name)) return name;
  throw userError(
    `The ${what} '${name}' is not valid. It must start with a letter or digit, hold only letters, digits, '-', '_' and '.', and be at most 255 characters long.`,
  );
}

/**
 * A map from string to string. Numbers and booleans become strings, as the service does for clients that send them (azure-ai-ml sends
 * `hash_version` as a number). @throws ArmError 400 for other values
 */
export function stringMap(given: unknown, what: string): Record<string, string> {
  if (given === undefined || given === null) return {};
  if (typeof given !== 'object' || Array.isArray(given))
    throw userError(`${what} must be an object of strings.`, { target: what });
  const map: Record<string, string> = {};
  for (const [key, value] of Object.entries(given)) {
    if (value === null) continue;
    if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') {
      throw userError(`The value of ${what}.${key} must be a string.`, { target: `${what}.${key}` });
    }
    map[key] = String(value);
  }
  return map;
}

/** What a version of an asset of any kind says of itself. */
export interface AssetWords {
  description: string | null;
  tags: Record<string, string>;
  properties: Record<string, string>;
  isAnonymous: boolean;
  isArchived: boolean;
}

/** @throws ArmError 400 when tags or properties are no maps of strings */
export function assetWords(given: Partial<Record<keyof AssetWords, unknown>>): AssetWords {
  return {
    description: typeof given.description === 'string' ? given.description : null,
    tags: stringMap(given.tags, 'tags'),
    properties: stringMap(given.properties, 'properties'),
    isAnonymous: given.isAnonymous === true,
    isArchived: given.isArchived === true,
  };
}

/**
 * What a list's `tags` or `properties` parameter asks for: names, and values where given, separated by commas: `a,b=2`.
 * https://learn.microsoft.com/rest/api/azureml/model-versions/list
 * @returns whether a map has all of them; everything has when nothing was asked for
 */
export function tagFilter(given: string | undefined): (map: Record<string, string>) => boolean {
  const wanted = (given ?? '').split(',').filter(Boolean);
  return map => wanted.every(pair => hasTag(map, pair));
}

/** Whether a map has `key` or `key=value`. */
export function hasTag(map: Record<string, string>, wanted: string): boolean {
  const [key = '', ...value] = wanted.split('=');
  return value.length === 0 ? key in map : map[key] === value.join('=');
}

/** What placeholders of a command stand for, by kind: `inputs`, `outputs`, `search_space`. */
export type PlaceholderValues = Record<string, Record<string, string>>;

/**
 * Puts values into a command: `${{inputs.x}}`, `${{outputs.y}}` and `${{search_space.z}}`, with or without blanks inside. A part in
 * `$[[ … ]]` is left out when one of its inputs is missing, as for optional inputs on Azure ML.
 */
export function fillCommand(command: string, values: PlaceholderValues): string {
  const placeholder = /\$\{\{\s*(inputs|outputs|search_space)\.([\w-]+)\s*\}\}/g;
  return command
    .replace(/\$\[\[(.*?)\]\]/gs, (_whole, optional: string) => {
      const complete = [...optional.matchAll(placeholder)].every(
        ([, kind = '', name = '']) => values[kind]?.[name] !== undefined,
      );
      return complete ? optional : '';
    })
    .replace(placeholder, (whole, kind: string, name: string) => values[kind]?.[name] ?? whole);
}

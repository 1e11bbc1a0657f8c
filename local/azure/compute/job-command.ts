/**
 * Puts values into a command: `${{inputs.x}}` and `${{outputs.y}}`, with or without blanks inside. A part in `$[[ … ]]` is left out when one of
 * its inputs is missing, as for optional inputs on Azure ML.
 */
export function fillCommand(command: string, inputs: Record<string, string>, outputs: Record<string, string>): string {
  const placeholder = /\$\{\{\s*(inputs|outputs)\.([\w-]+)\s*\}\}/g;
  const value = (kind: string, name: string): string | undefined => (kind === 'inputs' ? inputs : outputs)[name];
  return command
    .replace(/\$\[\[(.*?)\]\]/gs, (_whole, optional: string) => {
      const complete = [...optional.matchAll(placeholder)].every(
        ([, kind = '', name = '']) => value(kind, name) !== undefined,
      );
      return complete ? optional : '';
    })
    .replace(placeholder, (whole, kind: string, name: string) => value(kind, name) ?? whole);
}

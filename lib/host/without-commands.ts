/**
 * Makes text of others harmless inside a logging command of ours, as task-lib's filter does for plain output: the agent
 * acts on its marker wherever it stands in a line, so a server's message could otherwise set a pipeline variable.
 */
export function withoutCommands(text: string): string {
  return text.replaceAll('##vso[', '##_vso[');
}

import { objectValue, valueOf, type ObjectValue, type Value } from './expressions/values';
import { Fields, isNothing } from './fields';
import { PipelineError, type Position } from './pipeline-error';
import { mappingEntries } from './template';
import type { YamlNode } from './yaml-nodes';

/** @throws PipelineError for a resource that a run on this machine does not have */
export function refuseResources(fields: Fields): void {
  const source = fields.source('resources');
  if (source === undefined || isNothing(source)) return;
  const items = source.node.kind === 'mapping' ? mappingEntries(source, 'resources') : [];
  const first = items.find(({ key }) => key !== 'webhooks');
  if (first !== undefined) {
    throw new PipelineError(
      first.at,
      `resources.${first.key} is not supported: a run on this machine has this repository only.`,
    );
  }
}

/**
 * What the webhooks of a pipeline sent, taken out of the parameters that a run was given: in Azure Pipelines the payload of
 * a webhook that started the run is a parameter of the webhook's name.
 * @throws PipelineError for a webhook whose payload was not given
 */
export function readPayloads(
  root: YamlNode,
  given: Record<string, unknown>,
): { payloads: [string, Value][]; others: Record<string, unknown> } {
  const webhooks = webhooksOf(root);
  return {
    payloads: webhooks.map(({ alias, at }) => [alias, payloadOf(alias, given[alias], at)]),
    others: Object.fromEntries(Object.entries(given).filter(([name]) => !webhooks.some(({ alias }) => alias === name))),
  };
}

function webhooksOf(root: YamlNode): { alias: string; at: Position }[] {
  const list = entryOf(entryOf(root, 'resources'), 'webhooks');
  const items = list?.kind === 'sequence' ? list.items : [];
  return items.flatMap(item => {
    const alias = entryOf(item, 'webhook');
    return alias?.kind === 'scalar' ? [{ alias: alias.text, at: item.at }] : [];
  });
}

function entryOf(node: YamlNode | undefined, name: string): YamlNode | undefined {
  return node?.kind === 'mapping' ? node.entries.find(({ key }) => key.text === name)?.value : undefined;
}

function payloadOf(alias: string, payload: unknown, at: Position): Value {
  if (typeof payload === 'object' && payload !== null) return valueOf(payload);
  throw new PipelineError(
    at,
    `The webhook '${alias}' starts this pipeline: give what it sends as --param ${alias}='{ … }'.`,
  );
}

export function withPayloads(parameters: ObjectValue, payloads: [string, Value][]): ObjectValue {
  if (payloads.length === 0) return parameters;
  const sent = objectValue(payloads);
  return { ...parameters, get: key => sent.get(key) ?? parameters.get(key) };
}

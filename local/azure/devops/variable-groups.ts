import type { FastifyInstance } from 'fastify';
import type { Collection } from '../../journal';
import { collection, wholeNumber } from './build-routes';
import { badRequest, notFound } from './devops-error';
import { buildService, type Organization } from './organization';

export interface Variable {
  value: string;
  isSecret?: true;
}

interface VariableGroup {
  id: number;
  name: string;
  description: string;
  variables: Record<string, Variable>;
  createdOn: string;
  modifiedOn: string;
  /** Set once it was changed over REST. */
  changed?: true;
}

/** The variable groups of the project's library. */
export class VariableGroups {
  readonly #groups: Collection<VariableGroup>;

  constructor(organization: Organization) {
    this.#groups = organization.options.journal.collection('devops-variable-groups');
  }

  /** Makes a group, or gives it these variables; one that was changed over REST since stays as it is. */
  seed(name: string, variables: Record<string, Variable>): void {
    const known = this.list().find(group => group.name === name);
    if (known?.changed) return;
    if (known && JSON.stringify(known.variables) === JSON.stringify(variables)) return;
    const now = new Date().toISOString();
    const id = known?.id ?? Math.max(0, ...this.list().map(group => group.id)) + 1;
    this.#set({ id, name, description: '', variables, createdOn: now, modifiedOn: now });
  }

  /** @throws DevOpsError 404 */
  get(id: number): VariableGroup {
    const group = this.#groups.get(String(id));
    if (!group) throw notFound('VariableGroupNotFoundException', `Variable group with id ${id} could not be found.`);
    return group;
  }

  list(): VariableGroup[] {
    return [...this.#groups.entries()].map(([, group]) => group);
  }

  /** All variables by group and name, secret ones with their values: what a run gets. */
  forRuns(): Record<string, Record<string, string | { value: string; isSecret: true }>> {
    return Object.fromEntries(
      this.list().map(({ name, variables }) => [
        name,
        Object.fromEntries(
          Object.entries(variables).map(([key, { value, isSecret }]) => [key, isSecret ? { value, isSecret } : value]),
        ),
      ]),
    );
  }

  replace(id: number, change: Pick<VariableGroup, 'name' | 'description' | 'variables'>): VariableGroup {
    const changed = { ...this.get(id), ...change, modifiedOn: new Date().toISOString(), changed: true as const };
    this.#set(changed);
    return changed;
  }

  #set(group: VariableGroup): void {
    this.#groups.set(String(group.id), group);
  }
}

/** Reading: `{project}/_apis/distributedtask/variablegroups`. */
export function registerVariableGroups(app: FastifyInstance, organization: Organization, groups: VariableGroups): void {
  app.get<{ Querystring: Record<string, string | undefined> }>('/variablegroups', request => {
    const { groupName, groupIds } = request.query;
    const ids = groupIds?.split(',').map(wholeNumber);
    const pattern = groupName?.toLowerCase();
    const found = groups
      .list()
      .filter(group => ids === undefined || ids.includes(group.id))
      .filter(({ name }) =>
        pattern === undefined
          ? true
          : pattern.endsWith('*')
            ? name.toLowerCase().startsWith(pattern.slice(0, -1))
            : name.toLowerCase() === pattern,
      );
    return collection(found.map(group => groupResource(group, organization)));
  });
  app.get<{ Params: { groupId: string } }>('/variablegroups/:groupId', request =>
    groupResource(groups.get(wholeNumber(request.params.groupId)), organization),
  );
}

/** Changing, without a project in the path: `_apis/distributedtask/variablegroups/{groupId}`. */
export function registerVariableGroupChanges(
  app: FastifyInstance,
  organization: Organization,
  groups: VariableGroups,
): void {
  app.put<{ Params: { groupId: string } }>('/variablegroups/:groupId', request => {
    organization.require('AdministerVariableGroups');
    const before = groups.get(wholeNumber(request.params.groupId));
    const { name, description, variables } = (request.body ?? {}) as Record<string, unknown>;
    if (typeof name !== 'string' || name === '') throw badRequest('Variable group name must be provided.');
    if (typeof variables !== 'object' || variables === null || Object.keys(variables).length === 0)
      throw badRequest('Variable group must contain at least one variable.');
    const read = Object.entries(variables as Record<string, unknown>).map(
      ([key, given]) => [key, readVariable(key, given, before.variables[key])] as const,
    );
    const changed = groups.replace(before.id, {
      name,
      description: typeof description === 'string' ? description : '',
      variables: Object.fromEntries(read),
    });
    return groupResource(changed, organization);
  });
}

/** A secret without a value keeps the one that it has, since no client ever sees it. */
function readVariable(name: string, given: unknown, before: Variable | undefined): Variable {
  if (typeof given !== 'object' || given === null) throw badRequest(`The variable ${name} must be an object.`);
  const { value, isSecret } = given as { value?: unknown; isSecret?: unknown };
  if (value !== undefined && value !== null && typeof value !== 'string')
    throw badRequest(`The value of the variable ${name} must be a text.`);
  const text = value ?? (before?.isSecret ? before.value : '');
  return isSecret === true ? { value: text, isSecret } : { value: text };
}

function groupResource(group: VariableGroup, organization: Organization): Record<string, unknown> {
  const { id, name, description, createdOn, modifiedOn } = group;
  const { project } = organization;
  return {
    variables: Object.fromEntries(
      Object.entries(group.variables).map(([key, variable]) => [
        key,
        variable.isSecret ? { value: null, isSecret: true } : { value: variable.value },
      ]),
    ),
    id,
    type: 'Vsts',
    name,
    description,
    createdBy: buildService,
    createdOn,
    modifiedBy: buildService,
    modifiedOn,
    isShared: false,
    variableGroupProjectReferences: [{ projectReference: { id: project.id, name: project.name }, name, description }],
  };
}

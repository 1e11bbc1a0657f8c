import type { FastifyInstance, FastifyReply } from 'fastify';
import type { Collection } from '../../journal';
import { ArmError, userError } from '../arm/arm-error';
import { queryValue } from '../arm/arm-scope';
import type { OperationRun } from '../arm/operations';
import { resourceList } from '../arm/resource-list';
import type { AzureContext } from '../context';
import { record, type Body } from '../jobs/body-fields';
import type { Compute } from './compute';
import { computeFromBody, scaleFromBody } from './compute-body';
import { unknownCompute, type ComputeRecord } from './compute-record';
import { computeResource } from './compute-resource';

interface Named {
  Params: { name: string };
}

/** computes: list, GET, PUT, PATCH, DELETE, nodes, and start, stop and restart of compute instances. */
export function registerComputes(
  app: FastifyInstance,
  context: AzureContext,
  computes: Collection<ComputeRecord>,
  compute: Compute,
): void {
  const show = (found: ComputeRecord): unknown => computeResource(found, compute.nodes(found.name), context);
  const require = (name: string): ComputeRecord => {
    const found = computes.get(name);
    if (!found) throw unknownCompute(name, computes);
    return found;
  };
  const change = (name: string, changes: Partial<ComputeRecord>): void => {
    const found = computes.get(name);
    if (found) computes.set(name, { ...found, ...changes, modifiedAt: new Date().toISOString() });
  };
  const finish =
    (name: string): OperationRun =>
    () => {
      const found = computes.get(name);
      const state =
        found?.state === undefined ? {} : { state: found.state === 'Creating' ? ('Running' as const) : found.state };
      change(name, { provisioningState: 'Succeeded', ...state });
      compute.rescale(name);
      return Promise.resolve();
    };
  const remove =
    (name: string): OperationRun =>
    () => {
      computes.delete(name);
      compute.forget(name);
      return Promise.resolve();
    };
  const settleState =
    (name: string, state: 'Running' | 'Stopped'): OperationRun =>
    () => {
      change(name, { state });
      return Promise.resolve();
    };
  const start = (kind: string, name: string, run: OperationRun) =>
    context.operations.start({ kind, resource: `${context.workspaceArmId}/computes/${name}`, prefix: 'compute', run });
  const nameOf = (resource: string): string => resource.split('/').at(-1) ?? '';
  // What a restart interrupted is done then.
  context.operations.onRestart('compute-put', ({ resource }) => finish(nameOf(resource)));
  context.operations.onRestart('compute-delete', ({ resource }) => remove(nameOf(resource)));
  context.operations.onRestart('compute-start', ({ resource }) => settleState(nameOf(resource), 'Running'));
  context.operations.onRestart('compute-stop', ({ resource }) => settleState(nameOf(resource), 'Stopped'));

  app.get('/computes', request =>
    resourceList(
      [...computes.entries()].map(([, found]) => found),
      request,
      context.baseUrl,
      show,
    ),
  );
  app.get<Named>('/computes/:name', request => show(require(request.params.name)));
  app.put<Named & { Body: Body | undefined }>('/computes/:name', (request, reply) => {
    const { name } = request.params;
    const old = computes.get(name);
    const wanted = computeFromBody(name, request.body ?? {}, old);
    computes.set(name, { ...wanted, location: wanted.location || context.identity.region });
    const { putHeaders } = start('compute-put', name, finish(name));
    return reply
      .code(old ? 200 : 201)
      .headers(putHeaders)
      .send(show(require(name)));
  });
  app.patch<Named & { Body: Body | undefined }>('/computes/:name', (request, reply) => {
    const old = require(request.params.name);
    if (old.computeType !== 'AmlCompute')
      throw userError(
        `The compute ${old.name} is a ${old.computeType}; only the scale settings of an AmlCompute can be updated.`,
      );
    const properties = record(request.body ?? {}, 'properties');
    const details = record(properties, 'properties', 'properties.');
    change(old.name, {
      ...scaleFromBody('scaleSettings' in details ? details : properties, old),
      provisioningState: 'Updating',
    });
    const { putHeaders } = start('compute-put', old.name, finish(old.name));
    return reply
      .code(200)
      .headers(putHeaders)
      .send(show(require(old.name)));
  });
  app.delete<Named>('/computes/:name', (request, reply) => {
    const { name } = request.params;
    const action = queryValue(request, 'underlyingResourceAction');
    if (action?.toLowerCase() !== 'delete' && action?.toLowerCase() !== 'detach')
      throw userError("The underlyingResourceAction must be given: 'Delete' or 'Detach'.", {
        target: 'underlyingResourceAction',
      });
    if (!computes.get(name)) return reply.code(204).send();
    const busy = compute.nodes(name)?.busy ?? 0;
    if (busy > 0)
      throw new ArmError(
        409,
        'Conflict',
        `Compute ${name} cannot be deleted: ${busy} of its nodes run a job. Cancel the jobs or wait for them.`,
      );
    change(name, { provisioningState: 'Deleting' });
    return reply
      .code(202)
      .headers(start('compute-delete', name, remove(name)).deleteHeaders)
      .send();
  });
  app.post<Named>('/computes/:name/listNodes', request => {
    const { name } = require(request.params.name);
    const { current, busy } = compute.nodes(name) ?? { current: 0, busy: 0 };
    return {
      nodes: Array.from({ length: current }, (_unused, node) => ({
        nodeId: `tvmps_${String(node).padStart(4, '0')}`,
        privateIpAddress: '127.0.0.1',
        publicIpAddress: null,
        port: null,
        nodeState: node < busy ? 'running' : 'idle',
        runId: null,
      })),
      nextLink: null,
    };
  });
  const turn = (reply: FastifyReply, name: string, kind: 'start' | 'stop' | 'restart'): FastifyReply => {
    const found = require(name);
    if (found.computeType !== 'ComputeInstance')
      throw userError(`The compute ${name} is an ${found.computeType}; only a compute instance can ${kind}.`);
    const passing = { start: 'Starting', stop: 'Stopping', restart: 'Restarting' } as const;
    change(name, { state: passing[kind] });
    const run = settleState(name, kind === 'stop' ? 'Stopped' : 'Running');
    return reply
      .code(202)
      .headers(start(kind === 'stop' ? 'compute-stop' : 'compute-start', name, run).resultHeaders)
      .send();
  };
  for (const kind of ['start', 'stop', 'restart'] as const)
    app.post<Named>(`/computes/:name/${kind}`, (request, reply) => turn(reply, request.params.name, kind));
}

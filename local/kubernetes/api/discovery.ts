import type { FastifyInstance } from 'fastify';
import { apiVersionOf, resources, type Resource } from '../objects/resources';
import type { ApiContext } from './context';
import { openApiDocument, openApiIndex } from './openapi';

/** The version of Kubernetes whose behaviour this API follows. */
const version = { major: '1', minor: '32', gitVersion: 'v1.32.4' };

/** What the API has: version, health, groups, resources, OpenAPI (v3 only). */
export function registerDiscovery(app: FastifyInstance, context: ApiContext): void {
  const get = (path: string, answer: () => unknown): void => {
    app.get(path, async (request, reply) => {
      context.authorization.checkPath(request.kubernetesUser, 'get', path);
      await reply.type('application/json').send(JSON.stringify(answer()));
    });
  };
  get('/version', () => ({
    ...version,
    gitCommit: '',
    gitTreeState: 'clean',
    buildDate: '1970-01-01T00:00:00Z',
    goVersion: '',
    compiler: '',
    platform: `${process.platform}/${process.arch}`,
  }));
  for (const path of ['/healthz', '/livez', '/readyz'])
    app.get(path, (_request, reply) => reply.type('text/plain').send('ok'));
  get('/api', () => ({ kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [] }));
  const groups = [...new Set(resources.map(({ group }) => group).filter(group => group !== ''))];
  get('/apis', () => ({ kind: 'APIGroupList', apiVersion: 'v1', groups: groups.map(describeGroup) }));
  for (const group of groups)
    get(`/apis/${group}`, () => ({ kind: 'APIGroup', apiVersion: 'v1', ...describeGroup(group) }));
  get('/openapi/v3', () => openApiIndex());
  for (const [apiVersion, base] of groupVersions()) {
    const served = resources.filter(resource => apiVersionOf(resource) === apiVersion);
    get(base, () => ({
      kind: 'APIResourceList',
      apiVersion: 'v1',
      groupVersion: apiVersion,
      resources: served.flatMap(describeResource),
    }));
    get(`/openapi/v3${base}`, () => openApiDocument(context.schema, served));
  }
}

/** `v1` -> `/api/v1`, `apps/v1` -> `/apis/apps/v1` */
export function groupVersions(): Map<string, string> {
  return new Map(resources.map(resource => [apiVersionOf(resource), basePath(resource)]));
}

export function basePath(resource: Pick<Resource, 'group' | 'version'>): string {
  return resource.group ? `/apis/${resource.group}/${resource.version}` : `/api/${resource.version}`;
}

function describeGroup(group: string): Record<string, unknown> {
  const { version: served = 'v1' } = resources.find(resource => resource.group === group) ?? {};
  const entry = { groupVersion: `${group}/${served}`, version: served };
  return { name: group, versions: [entry], preferredVersion: entry };
}

const storedVerbs = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];

function describeResource(resource: Resource): Record<string, unknown>[] {
  const { plural, singular, kind, namespaced, shortNames, categories, stored, subresources } = resource;
  const main = {
    name: plural,
    singularName: singular,
    namespaced,
    kind,
    verbs: stored ? storedVerbs : ['create'],
    ...(shortNames.length > 0 ? { shortNames } : {}),
    ...(categories.length > 0 ? { categories } : {}),
  };
  const below = {
    status: { kind, verbs: ['get', 'patch', 'update'] },
    scale: { group: 'autoscaling', version: 'v1', kind: 'Scale', verbs: ['get', 'patch', 'update'] },
    log: { kind, verbs: ['get'] },
    token: { group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest', verbs: ['create'] },
  };
  return [
    main,
    ...subresources.map(name => ({ name: `${plural}/${name}`, singularName: '', namespaced, ...below[name] })),
  ];
}

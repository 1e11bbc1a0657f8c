import { timingSafeEqual } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { registerBuilds, collection } from './build-routes';
import { badRequest, notFound, sendDevOpsError, unauthorized } from './devops-error';
import type { DevOps } from './devops';
import { locationsOf, resourceAreas } from './locations';
import { registerOidcIssuer, registerOidcToken } from './oidc-routes';
import { buildService } from './organization';
import { registerPlans } from './plan-routes';
import { registerPullRequests } from './pull-request-routes';
import { registerVariableGroupChanges, registerVariableGroups } from './variable-groups';

/** The slice of Azure DevOps' REST API that tasks and azure-devops-node-api use. `app` stands at the organisation's URL. */
export function registerDevOps(app: FastifyInstance, devops: DevOps, log: (line: string) => void): void {
  const { organization, builds } = devops;
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(/^application\/json\b/i, { parseAs: 'string' }, (_request, body, done) => {
    try {
      done(null, body.toString().trim() === '' ? undefined : (JSON.parse(body.toString()) as unknown));
    } catch {
      done(badRequest('The request body is not valid JSON.'));
    }
  });
  // Attachments are bytes of any type.
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) =>
    done(null, body.length === 0 ? undefined : body),
  );
  app.setErrorHandler((error, request, reply) => sendDevOpsError(error, request, reply, log));
  app.setNotFoundHandler(request => {
    requireToken(request, organization.options.accessToken);
    throw notFound(
      'VssResourceNotFoundException',
      `The controller for path '${request.url.split('?')[0] ?? ''}' was not found or does not implement IController.`,
    );
  });
  app.addHook('onSend', (request, reply, _payload, done) => {
    reply.headers({ activityid: request.id, 'x-tfs-session': request.id, 'x-vss-e2eid': request.id });
    done();
  });
  allowOtherOrigins(app);
  registerOidcIssuer(app, organization);

  void app.register((scope, _options, done) => {
    scope.addHook('onRequest', (request, _reply, next) => {
      requireToken(request, organization.options.accessToken);
      requireVersion(request);
      const { project } = request.params as { project?: string };
      if (project !== undefined) organization.requireProject(project);
      next();
    });
    scope.options<{ Params: { area: string } }>('/_apis/:area', request =>
      collection(locationsOf(request.params.area)),
    );
    const locationUrl = (area: { id: string; name: string }): unknown => ({
      ...area,
      locationUrl: organization.collectionUri,
    });
    scope.get('/_apis/resourceAreas', () => collection(resourceAreas.map(locationUrl)));
    scope.get<{ Params: { id: string } }>('/_apis/resourceAreas/:id', (request, reply) => {
      const wanted = request.params.id.toLowerCase();
      const area = resourceAreas.find(one => one.id === wanted);
      return area ? locationUrl(area) : reply.code(204).send();
    });
    scope.get('/_apis/connectionData', () => connectionData(devops));
    scope.get('/_apis/projects', () => collection([organization.projectReference()]));
    scope.get<{ Params: { projectId: string } }>('/_apis/projects/:projectId', request => {
      organization.requireProject(request.params.projectId);
      return organization.projectReference();
    });
    registerOidcToken(scope, '/oidctoken', organization);
    registerOidcToken(
      scope,
      '/:project/_apis/distributedtask/hubs/:hubName/plans/:planId/jobs/:jobId/oidctoken',
      organization,
    );
    const below = (prefix: string, register: (app: FastifyInstance) => void): void => {
      void scope.register(
        (inner, _none, ready) => {
          register(inner);
          ready();
        },
        { prefix },
      );
    };
    below('/:project/_apis/build', inner => registerBuilds(inner, organization, builds));
    below('/:project/_apis/git', inner => registerPullRequests(inner, organization, devops.pullRequests));
    below('/:project/_apis/distributedtask', inner =>
      registerVariableGroups(inner, organization, devops.variableGroups),
    );
    below('/_apis/distributedtask', inner => registerVariableGroupChanges(inner, organization, devops.variableGroups));
    below('/:project/_apis/distributedtask/hubs/:hubName/plans/:planId', inner =>
      registerPlans(inner, organization, builds),
    );
    done();
  });
}

/** Pages of extensions are served from another host than the service: it answers their browsers' questions before any sign-in. */
function allowOtherOrigins(app: FastifyInstance): void {
  app.addHook('onRequest', (request, reply, next) => {
    const { origin } = request.headers;
    if (origin === undefined) return next();
    reply.headers({ 'access-control-allow-origin': origin, vary: 'Origin', 'access-control-max-age': '3600' });
    if (request.method !== 'OPTIONS' || request.headers['access-control-request-method'] === undefined) return next();
    void reply
      .headers({
        'access-control-allow-methods': 'OPTIONS,GET,POST,PATCH,PUT,DELETE',
        'access-control-allow-headers': 'authorization,content-type,accept',
      })
      .code(200)
      .send();
  });
}

/** System.AccessToken as a bearer token, or as the password of Basic, as for a personal access token. @throws DevOpsError 401 */
function requireToken(request: FastifyRequest, accessToken: string): void {
  const [, scheme = '', value = ''] = /^(\w+) +(\S+)$/.exec(request.headers.authorization ?? '') ?? [];
  const token =
    scheme.toLowerCase() === 'bearer'
      ? value
      : scheme.toLowerCase() === 'basic'
        ? Buffer.from(value, 'base64')
            .toString()
            .replace(/^[^:]*:/, '')
        : '';
  const given = Buffer.from(token);
  const expected = Buffer.from(accessToken);
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) throw unauthorized();
}

/** The api-version of the Accept header or the query; 7.2 exists as a preview only. Reading works without one. @throws DevOpsError 400 */
function requireVersion(request: FastifyRequest): void {
  const accepted = /api-version=([^;,\s]+)/.exec(request.headers.accept ?? '')?.[1];
  const version = (request.query as Record<string, string | undefined>)['api-version'] ?? accepted;
  if (version === undefined) {
    if (['GET', 'HEAD', 'OPTIONS'].includes(request.method)) return;
    throw badRequest(
      `No api-version was supplied for the "${request.method}" request. The version must be supplied either as part of the Accept header (e.g. "application/json; api-version=1.0") or as a query parameter (e.g. "?api-version=1.0").`,
      'VssVersionNotSpecifiedException',
    );
  }
  const [, number, preview] = /^(\d+(?:\.\d+)?)(-preview(?:\.\d+)?)?$/.exec(version) ?? [];
  if (number === undefined || Number(number) > 7.2) {
    throw badRequest(
      `The requested REST API version of ${version} is out of range for this server. The latest REST API version this server supports is 7.2.`,
      'VssVersionOutOfRangeException',
    );
  }
  if (Number(number) > 7.1 && preview === undefined) {
    throw badRequest(
      `The requested version "${version}" of the resource is under preview. The -preview flag must be supplied in the api-version for such requests. For example: "${version}-preview"`,
      'VssInvalidPreviewVersionException',
    );
  }
}

function connectionData({ organization }: DevOps): Record<string, unknown> {
  const user = {
    id: buildService.id,
    descriptor: buildService.descriptor,
    subjectDescriptor: buildService.descriptor,
    providerDisplayName: buildService.displayName,
    isActive: true,
    properties: { Account: { $type: 'System.String', $value: buildService.uniqueName } },
  };
  return {
    authenticatedUser: user,
    authorizedUser: user,
    instanceId: organization.instanceId,
    deploymentId: organization.instanceId,
    deploymentType: 'hosted',
    locationServiceData: {
      serviceOwner: '00025394-6065-48ca-87d9-7f5672854ef7',
      defaultAccessMappingMoniker: 'PublicAccessMapping',
      lastChangeId: 1,
      lastChangeId64: 1,
    },
  };
}

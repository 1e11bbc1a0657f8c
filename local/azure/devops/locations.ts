/** One resource of the REST API: where it is and which versions it has, as `OPTIONS _apis/{area}` lists it. */
interface ResourceLocation {
  id: string;
  area: string;
  resourceName: string;
  routeTemplate: string;
  /** Of the resource's preview. */
  resourceVersion: number;
}

const projectApis = '{project}/_apis/{area}';
const plan = '{scopeIdentifier}/_apis/{area}/hubs/{hubName}/plans/{planId}';
const pullRequest = `${projectApis}/repositories/{repositoryId}/pullRequests/{pullRequestId}`;

/**
 * The slice of Azure DevOps' REST API that is here. Ids and areas are those of azure-devops-node-api 17, which finds every route by them;
 * the route templates are those of the REST reference (api-version 7.1).
 */
const locations: ResourceLocation[] = [
  ['e81700f7-3be2-46de-8624-2eb35882fcaa', 'Location', 'ResourceAreas', '_apis/{resource}/{areaId}', 1],
  ['00d9565f-ed9c-4a06-9a50-00e7896ccab4', 'Location', 'ConnectionData', '_apis/{resource}', 1],
  ['603fe2ac-9723-48b9-88ad-09305aa6c6e1', 'core', 'projects', '_apis/{resource}/{*projectId}', 4],
  ['0cd358e1-9217-4d94-8269-1c1ee6f93dcf', 'build', 'Builds', `${projectApis}/{resource}/{buildId}`, 7],
  ['6e6114b2-8161-44c8-8f6c-c5505782427f', 'build', 'tags', `${projectApis}/builds/{buildId}/{resource}/{*tag}`, 3],
  [
    '8baac422-4c6e-4de5-8532-db96d92acffa',
    'build',
    'Timeline',
    `${projectApis}/builds/{buildId}/{resource}/{timelineId}`,
    3,
  ],
  [
    'f2192269-89fa-4f94-baf6-8fb128c55159',
    'build',
    'attachments',
    `${projectApis}/builds/{buildId}/{resource}/{type}`,
    2,
  ],
  [
    'af5122d3-3438-485e-a25a-2dbbfde84ee6',
    'build',
    'attachments',
    `${projectApis}/builds/{buildId}/{timelineId}/{recordId}/{resource}/{type}/{name}`,
    2,
  ],
  ['1db06c96-014e-44e1-ac91-90b2d4b3e984', 'build', 'artifacts', `${projectApis}/builds/{buildId}/{resource}`, 5],
  ['69a319f4-28c1-4bfd-93e6-ea0ff5c6f1a2', 'distributedtask', 'oidctoken', `${plan}/jobs/{jobId}/{resource}`, 1],
  [
    '8893bc5b-35b2-4be7-83cb-99e683551db4',
    'distributedtask',
    'records',
    `${plan}/timelines/{timelineId}/{resource}`,
    2,
  ],
  [
    '7898f959-9cdf-4096-b29e-7f293031629e',
    'distributedtask',
    'attachments',
    `${plan}/timelines/{timelineId}/records/{recordId}/{resource}/{type}/{name}`,
    1,
  ],
  ['eb55e5d6-2f30-4295-b5ed-38da50b1fc52', 'distributedtask', 'attachments', `${plan}/{resource}/{type}`, 1],
  [
    'f5b09dd5-9d54-45a1-8b5a-1c8287d634cc',
    'distributedtask',
    'variablegroups',
    `${projectApis}/{resource}/{groupId}`,
    2,
  ],
  ['ef5b7057-ffc3-4c77-bbad-c10b4a4abcc7', 'distributedtask', 'variablegroups', '_apis/{area}/{resource}/{groupId}', 2],
  ['225f7195-f9c7-4d14-ab28-a83f7ff77e1f', 'git', 'repositories', `${projectApis}/{resource}/{repositoryId}`, 2],
  ['01a46dea-7d46-4d40-bc84-319e7c260d99', 'git', 'pullRequests', `${projectApis}/{resource}/{pullRequestId}`, 2],
  [
    '9946fd70-0d40-406e-b686-b4744cbbcc37',
    'git',
    'pullRequests',
    `${projectApis}/repositories/{repositoryId}/{resource}/{pullRequestId}`,
    2,
  ],
  ['965d9361-878b-413b-a494-45d5b5fd8ab7', 'git', 'attachments', `${pullRequest}/{resource}/{fileName}`, 1],
  ['ab6e2e5d-a0b7-4153-b64a-a4efe0d49449', 'git', 'pullRequestThreads', `${pullRequest}/threads/{threadId}`, 1],
  [
    '965a3ec7-5ed8-455a-bdcb-835a5ea7fe7b',
    'git',
    'pullRequestThreadComments',
    `${pullRequest}/threads/{threadId}/comments/{commentId}`,
    1,
  ],
].map(
  ([id, area, resourceName, routeTemplate, resourceVersion]) =>
    ({ id, area, resourceName, routeTemplate, resourceVersion }) as ResourceLocation,
);

/** Areas that are found through `_apis/resourceAreas`, with the ids that the official client asks for. */
export const resourceAreas = [
  { id: '965220d5-5bb9-42cf-8d67-9b146df2a5a4', name: 'build' },
  { id: '4e080c62-fa21-4fbc-8fef-2a10a2b38049', name: 'git' },
  { id: 'a85b8835-c1a1-4aac-ae97-1c3d0ba72dbd', name: 'distributedtask' },
  { id: '79134c72-4a58-4b42-976c-04e7115f32bf', name: 'core' },
];

/** What `OPTIONS _apis/{area}` answers; every resource has the versions 1.0 to 7.2, the last one as a preview. */
export function locationsOf(area: string): Record<string, unknown>[] {
  return locations
    .filter(location => location.area.toLowerCase() === area.toLowerCase())
    .map(location => ({ ...location, minVersion: '1.0', maxVersion: '7.2', releasedVersion: '7.1' }));
}

import { existsSync } from 'node:fs';
import { hashArtifacts, listArtifacts } from '../../lib/azureml/artifacts';
import { contentDigest, folderContent } from '../../lib/azureml/folder-content';
import { getJob, hasEnded, type Job } from '../../lib/azureml/jobs';
import { jobMetrics } from '../../lib/azureml/metrics';
import { modelVersions, registerModel, tagModel, type Model } from '../../lib/azureml/models';
import { uploadData } from '../../lib/azureml/upload';
import { openWorkspace, type Workspace } from '../../lib/azureml/workspace';
import type { Outcome, TaskHost } from '../../lib/host/task-host';
import { TaskError } from '../../lib/task-error';
import type { Inputs } from './inputs';
import { modelTags, releaseRecord, type Candidate } from './release-record';

/** Registers a model with metrics, lineage and content digest; the same content again is the version that is there already. */
export async function registerModelTask(inputs: Inputs, host: TaskHost): Promise<Outcome> {
  const workspace = await openWorkspace(inputs.connection, inputs, host);
  const candidate = await examine(inputs, workspace, host);
  const found = await findSame(workspace, inputs.modelName, candidate);
  if (found) {
    host.info(`The content is the same as version ${found.version}'s: no new version.`);
    if (!inputs.whatIf && found.properties['guardian.digest'] === undefined) {
      // Registered by the training script itself: it gets what a later deployment looks for.
      await tagModel(workspace, found, modelTags(candidate, inputs.tags, host));
    }
    if (!inputs.whatIf) await publish(found, false, candidate, host);
    return { result: 'succeeded', message: `Model ${inputs.modelName}:${found.version} is registered already.` };
  }
  if (inputs.whatIf) {
    host.info(
      `Would register a new version of the model '${inputs.modelName}' from ${candidate.uri ?? 'an upload'} with the tags\n${JSON.stringify(modelTags(candidate, inputs.tags, host), null, 2)}`,
    );
    return { result: 'succeeded', message: 'Plan only: nothing was uploaded or registered.' };
  }
  const tags = modelTags(candidate, inputs.tags, host);
  const model = await registerModel(workspace, inputs.modelName, {
    uri: candidate.uri ?? (await uploadData(workspace, candidate.upload ?? '', host)).uri,
    type: inputs.modelType,
    description: inputs.description,
    tags,
    properties: Object.fromEntries(Object.entries(tags).filter(([name]) => name.startsWith('guardian.'))),
  });
  host.info(`Registered ${model.name}:${model.version}.`);
  await publish(model, true, candidate, host);
  return { result: 'succeeded', message: `Model ${model.name}:${model.version} is registered.` };
}

/** Looks at what is to be registered: that it is there, its digest, and the metrics of the job that made it. */
async function examine({ source }: Inputs, workspace: Workspace, host: TaskHost): Promise<Candidate> {
  switch (source.kind) {
    case 'localPath': {
      if (!existsSync(source.path)) throw new TaskError(`There is no model at ${source.path} (localPath).`);
      return { upload: source.path, digest: contentDigest(await folderContent(source.path)), metrics: {} };
    }
    case 'uri':
      return { uri: source.uri, metrics: {} };
    case 'jobOutput': {
      const job = await completedJob(workspace, source.jobName);
      const prefix = `${source.path}/`;
      const all = await listArtifacts(workspace, job.experimentName, job.name);
      const paths = all.filter(path => path === source.path || path.startsWith(prefix));
      if (paths.length === 0) {
        const shown = all.filter(path => path.startsWith('outputs/')).slice(0, 10);
        throw new TaskError(
          `Job ${job.name} left nothing at ${source.path} (modelPath). ${shown.length > 0 ? `It left ${shown.join(', ')}${all.length > 10 ? ', …' : ''}.` : 'It left nothing below outputs/: the training code must write the model there.'}`,
        );
      }
      const single = paths.length === 1 && paths[0] === source.path;
      const base = single ? source.path.slice(0, source.path.lastIndexOf('/') + 1) : prefix;
      const files = await hashArtifacts(
        workspace,
        { experiment: job.experimentName, job: job.name },
        base,
        paths,
        host.signal,
      );
      const metrics = await jobMetrics(workspace, job.name);
      return {
        uri: `azureml://jobs/${job.name}/outputs/artifacts/paths/${single ? source.path : prefix}`,
        digest: contentDigest(files),
        metrics,
        job,
      };
    }
  }
}

async function completedJob(workspace: Workspace, name: string): Promise<Job> {
  const job = await getJob(workspace, name);
  if (!job)
    throw new TaskError(
      `There is no job '${name}' in the workspace '${workspace.name}' (jobName). The output jobName of SubmitTrainingJob names it; is that step's name right?`,
    );
  if (job.status === 'Completed') return job;
  throw new TaskError(
    hasEnded(job.status)
      ? `Job ${name} ended ${job.status}, so its model is not registered. See its log for the reason.`
      : `Job ${name} is still ${job.status}: its model can be registered once it has completed. Wait for it with SubmitTrainingJob.`,
  );
}

/** The version with the same content: by digest, or made by the training script from the same job path. */
async function findSame(workspace: Workspace, name: string, candidate: Candidate): Promise<Model | undefined> {
  const place =
    candidate.job && candidate.uri
      ? `dcid.${candidate.job.name}/${candidate.uri.replace(/^.*\/paths\//, '').replace(/\/$/, '')}`
      : undefined;
  for await (const model of modelVersions(workspace, name)) {
    const digest = model.properties['guardian.digest'] ?? model.tags['guardian.digest'];
    if (digest !== undefined && digest === candidate.digest) return model;
    if (digest === undefined && place !== undefined && model.uri.replace(/\/$/, '').endsWith(place)) return model;
  }
  return undefined;
}

async function publish(model: Model, isNew: boolean, candidate: Candidate, host: TaskHost): Promise<void> {
  host.setOutput('modelName', model.name);
  host.setOutput('modelVersion', model.version);
  host.setOutput('modelId', `azureml:${model.name}:${model.version}`);
  host.setOutput('modelDigest', candidate.digest ?? '');
  host.setOutput('isNew', String(isNew));
  const record = releaseRecord(model, candidate, host);
  await host.publishArtifact(
    `release-record-${model.name}`,
    'release-record.json',
    `${JSON.stringify(record, null, 2)}\n`,
  );
  const rows = Object.entries(candidate.metrics).map(
    ([metric, value]) => `| ${metric} | ${Number(value.toPrecision(6))} |`,
  );
  await host.summary(
    `Model ${model.name}:${model.version}`,
    `${isNew ? 'New version' : 'Unchanged: this content was registered before'}${candidate.job ? ` from job ${candidate.job.name}` : ''}. Digest \`${candidate.digest ?? 'not known'}\`.\n${rows.length > 0 ? `\n| metric | value |\n|---|---|\n${rows.join('\n')}\n` : ''}`,
  );
}

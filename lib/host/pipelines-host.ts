import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as tl from 'azure-pipelines-task-lib/task';
import { TaskError } from '../task-error';
import { systemClock } from './clock';
import type { ServiceConnection, TaskHost } from './task-host';

/** Rewrites agent commands in text that is not wholly ours, so that a training log cannot set a pipeline variable. */
const external = { source: 'remote' } as const;

/** The agent of Azure Pipelines, by its environment variables and logging commands. */
export function pipelinesHost(signal: AbortSignal): TaskHost {
  let published = 0;
  /** The agent keeps ten warnings of a step: what was said stays out of the way of what is new. */
  const warned = new Set<string>();

  /** Writes a file of ours into the job's temporary folder, which the agent empties. */
  const temporaryFile = (name: string, content: string): string => {
    const folder = join(
      tl.getVariable('Agent.TempDirectory') ?? process.cwd(),
      `guardian-${process.pid}-${published++}`,
    );
    mkdirSync(folder, { recursive: true });
    const file = join(folder, name);
    writeFileSync(file, content);
    return file;
  };

  return {
    input: name => tl.getInput(name)?.trim() || undefined,
    pathInput: name => (tl.filePathSupplied(name) ? tl.getPathInput(name) : undefined),
    connection: serviceConnection,
    variable: name => tl.getVariable(name),
    proxy: url => tl.getHttpProxyConfiguration(url)?.proxyFormattedUrl,

    info: line => {
      // Our own lines quote names and messages of others, so they are filtered as well.
      tl.writeExternalOutput(`${line}\n`, external);
    },
    debug: line => tl.debugExternalOutput(line, external),
    warn: message => {
      if (!warned.has(message)) tl.warningExternalOutput(message, external);
      warned.add(message);
    },
    foreign: text => {
      tl.writeExternalOutput(text.endsWith('\n') ? text : `${text}\n`, external);
    },
    group: title => {
      tl.writeExternalOutput(`##[group]${title}\n`, external);
      return () => tl.writeExternalOutput('##[endgroup]\n', external);
    },
    progress: (percent, operation) => tl.setProgress(Math.round(percent), operation),

    maskSecret: value => {
      if (value !== '') tl.setSecret(value);
    },
    setOutput: (name, value) => tl.setVariable(name, value, false, true),
    summary: (title, markdown) => {
      const name = `${title.replace(/[^A-Za-z0-9 ._-]/g, '-')}.md`;
      tl.uploadSummary(temporaryFile(name, `## ${title}\n\n${markdown}\n`));
      return Promise.resolve();
    },
    publishArtifact: (name, fileName, content) => {
      const file = temporaryFile(fileName, content);
      // Artefacts exist in builds only: in a release the command would fail the step.
      if (tl.getVariable('System.HostType') === 'build') tl.uploadArtifact(name, file, name);
      else tl.addAttachment('guardian-mlops', `${name}-${fileName}`, file);
      return Promise.resolve();
    },
    attach: (type, name, content) => {
      tl.addAttachment(type, name, temporaryFile(name, content));
      return Promise.resolve();
    },

    signal,
    clock: systemClock,
  };
}

function serviceConnection(id: string): ServiceConnection {
  // The agent passes only the connections that a task's inputs name; an unknown one has no URL.
  const url = tl.getEndpointUrl(id, true);
  if (!url)
    throw new TaskError(
      `The service connection ${id} was not passed to this task. Check its name, and that this pipeline may use it.`,
      { code: 'GuardianConnection' },
    );
  return {
    id,
    url,
    scheme: tl.getEndpointAuthorizationScheme(id, true) ?? 'ServicePrincipal',
    auth: key => tl.getEndpointAuthorizationParameter(id, key, true),
    data: key => tl.getEndpointDataParameter(id, key, true),
  };
}

import { existsSync, statSync } from 'node:fs';
import type { CommandArea } from './commands';
import type { StepContext } from './step-context';

/** The area `build`, as BuildCommandExtension of azure-pipelines-agent has it. */
export const buildCommands: CommandArea = {
  hostTypes: ['build', 'release'],
  events: {
    addbuildtag: {
      run: (step, { data }) => {
        needBuild(step);
        const tag = data.trim();
        if (tag === '') throw new Error('Build tag is required.');
        step.job.records.addBuildTag(tag);
      },
    },
    updatebuildnumber: {
      run: (step, { data }) => {
        needBuild(step);
        if (data === '') throw new Error('Build number is required.');
        step.job.variables.set({ name: 'Build.BuildNumber', value: data });
        step.job.records.buildNumber = data;
      },
    },
    uploadlog: {
      run: (step, { data }) => {
        if (!existsSync(data) || !statSync(data).isFile())
          throw new Error(`Custom log file ${data} does not exist on disk.`);
        step.job.records.attach(step.identity.recordName, 'Distributedtask.Core.Log', 'CustomToolLog', data);
      },
    },
  },
};

/** @throws Error in a release without a build. */
export function needBuild(step: StepContext): void {
  if (!step.job.variables.get('Build.BuildId')) throw new Error('Value cannot be null. (Parameter buildId)');
}

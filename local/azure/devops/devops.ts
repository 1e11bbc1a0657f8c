import { Builds } from './builds';
import { Organization, type OrganizationOptions } from './organization';
import { PullRequests } from './pull-requests';
import { VariableGroups } from './variable-groups';

/** Azure DevOps as this cloud has it: one organisation with one project. */
export interface DevOps {
  organization: Organization;
  builds: Builds;
  pullRequests: PullRequests;
  variableGroups: VariableGroups;
}

export function openDevOps(options: OrganizationOptions): DevOps {
  const organization = new Organization(options);
  return {
    organization,
    builds: new Builds(organization),
    pullRequests: new PullRequests(organization),
    variableGroups: new VariableGroups(organization),
  };
}

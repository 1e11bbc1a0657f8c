import {
  CreatePolicyCommand,
  CreatePolicyVersionCommand,
  DeletePolicyVersionCommand,
  GetPolicyCommand,
  GetPolicyVersionCommand,
  type IAMClient,
  ListPolicyVersionsCommand,
} from '@aws-sdk/client-iam';
import { canonical, found, type Resource } from './resource';

export interface Statement {
  Sid: string;
  Effect: 'Allow';
  Action: string[];
  Resource: string[];
}

/** IAM keeps five versions of a policy. */
const versionLimit = 5;

/** What one service may do, and nothing else. Attach it to the role of the service's Kubernetes service account. */
export function servicePolicy(iam: IAMClient, account: string, name: string, statements: Statement[]): Resource {
  const PolicyArn = `arn:aws:iam::${account}:policy/${name}`;
  const document = { Version: '2012-10-17', Statement: statements };
  const PolicyDocument = JSON.stringify(document);
  const current = async (): Promise<unknown> => {
    const { Policy } = await iam.send(new GetPolicyCommand({ PolicyArn }));
    const { PolicyVersion } = await iam.send(
      new GetPolicyVersionCommand({ PolicyArn, VersionId: Policy?.DefaultVersionId }),
    );
    return JSON.parse(decodeURIComponent(PolicyVersion?.Document ?? 'null')) as unknown;
  };
  const replace = async (): Promise<void> => {
    const { Versions = [] } = await iam.send(new ListPolicyVersionsCommand({ PolicyArn }));
    const oldest = Versions.filter(version => !version.IsDefaultVersion).sort(
      (a, b) => Number(a.CreateDate) - Number(b.CreateDate),
    )[0];
    if (Versions.length >= versionLimit && oldest)
      await iam.send(new DeletePolicyVersionCommand({ PolicyArn, VersionId: oldest.VersionId }));
    await iam.send(new CreatePolicyVersionCommand({ PolicyArn, PolicyDocument, SetAsDefault: true }));
  };
  return {
    name: `policy ${name}`,
    exists: () => found(() => iam.send(new GetPolicyCommand({ PolicyArn }))),
    create: async () => {
      await iam.send(new CreatePolicyCommand({ PolicyName: name, PolicyDocument }));
    },
    differences: async () => {
      const is = canonical(await current());
      const wanted = canonical(document);
      return is === wanted ? [] : [{ what: 'document', is, wanted, fix: replace }];
    },
  };
}

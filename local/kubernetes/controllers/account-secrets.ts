import { isRecord } from '../objects/api-object';
import { resourceNamed } from '../objects/resources';
import type { ControllerContext } from './controller-context';

const secrets = resourceNamed('secrets');

/**
 * Fills a Secret of type service-account-token, the kind that an Azure DevOps service connection reads, with token,
 * ca.crt and namespace; deletes it when its service account is gone.
 */
export async function fillAccountSecret(context: ControllerContext, namespace: string, name: string): Promise<void> {
  const { store, accounts, ca } = context;
  const secret = store.get(secrets, namespace, name);
  if (secret?.type !== 'kubernetes.io/service-account-token') return;
  const accountName = secret.metadata.annotations?.['kubernetes.io/service-account.name'] ?? '';
  const account = store.get(resourceNamed('serviceaccounts'), namespace, accountName);
  const uidAnnotation = 'kubernetes.io/service-account.uid';
  const boundTo = secret.metadata.annotations?.[uidAnnotation];
  if (!account || (boundTo !== undefined && boundTo !== account.metadata.uid)) {
    store.remove(secrets, namespace, name);
    return;
  }
  if (isRecord(secret.data) && secret.data.token !== undefined) return;
  const { token } = await accounts.issue(account, { secretName: name });
  const live = store.get(secrets, namespace, name);
  if (live?.metadata.uid !== secret.metadata.uid) return;
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  const annotations = { ...live.metadata.annotations, [uidAnnotation]: account.metadata.uid };
  store.put(secrets, {
    ...live,
    metadata: { ...live.metadata, annotations },
    data: {
      ...(isRecord(live.data) ? live.data : {}),
      token: base64(token),
      'ca.crt': base64(ca),
      namespace: base64(namespace),
    },
  });
}

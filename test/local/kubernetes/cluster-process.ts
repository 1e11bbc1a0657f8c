import { join } from 'node:path';
import { ensureCertificates } from '../../../local/certificates';
import { Journal } from '../../../local/journal';
import { startLocalKubernetes } from '../../../local/kubernetes/server';

/** Local Kubernetes as a process of its own, to be killed: `cluster-process.ts FOLDER PORT`. Prints its URL once it answers. */
async function main(folder: string, port: number): Promise<void> {
  const { url } = await startLocalKubernetes({
    port,
    stateDir: folder,
    certificate: await ensureCertificates(join(folder, 'certificates')),
    journal: await Journal.open(join(folder, 'kubernetes.journal')),
    log: line => process.stderr.write(`${line}\n`),
  });
  process.stdout.write(`${url}\n`);
}

void main(process.argv[2] ?? '', Number(process.argv[3]));

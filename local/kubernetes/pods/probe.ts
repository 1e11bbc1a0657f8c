import { connect } from 'node:net';
import { ContainerConfigError } from './container-environment';
import type { Probe } from './pod-shapes';

/**
 * Runs a probe once against the port of the process that stands for the container, whatever port the probe names.
 * @returns undefined when it succeeds, else what failed, in the kubelet's words
 */
export async function runProbe(probe: Probe, port: number): Promise<string | undefined> {
  const timeout = (probe.timeoutSeconds ?? 1) * 1000;
  return probe.httpGet ? httpProbe(probe.httpGet, port, timeout) : tcpProbe(port, timeout);
}

/** @throws ContainerConfigError for kinds of probes that need a real container */
export function checkProbe(probe: Probe | undefined, what: string): void {
  if (!probe || probe.tcpSocket) return;
  if (!probe.httpGet) {
    throw new ContainerConfigError(
      `local Kubernetes runs httpGet and tcpSocket probes only; ${what} is of another kind`,
    );
  }
  if (probe.httpGet.scheme === 'HTTPS') {
    throw new ContainerConfigError(`local Kubernetes probes over plain HTTP only; ${what} asks for HTTPS`);
  }
}

async function httpProbe(
  get: NonNullable<Probe['httpGet']>,
  port: number,
  timeout: number,
): Promise<string | undefined> {
  const path = get.path ?? '/';
  // Joined as text, so that a path such as //x cannot name another host.
  const url = `http://127.0.0.1:${port}${path.startsWith('/') ? '' : '/'}${path}`;
  try {
    const response = await fetch(url, {
      headers: Object.fromEntries((get.httpHeaders ?? []).map(({ name, value }) => [name, value])),
      redirect: 'manual',
      signal: AbortSignal.timeout(timeout),
    });
    await response.body?.cancel();
    return response.status < 400 ? undefined : `HTTP probe failed with statuscode: ${response.status}`;
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    return `Get "${url}": ${cause instanceof Error ? cause.message : String(cause)}`;
  }
}

function tcpProbe(port: number, timeout: number): Promise<string | undefined> {
  return new Promise(resolve => {
    const socket = connect({ port, host: '127.0.0.1', timeout });
    const settle = (failure: string | undefined): void => {
      socket.destroy();
      resolve(failure);
    };
    socket.once('connect', () => settle(undefined));
    socket.once('timeout', () => settle(`dial tcp 127.0.0.1:${port}: i/o timeout`));
    socket.once('error', error => settle(`dial tcp 127.0.0.1:${port}: ${error.message}`));
  });
}

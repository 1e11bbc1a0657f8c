import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import { execute, type ContainerSurroundings } from './container-exec';
import { ContainerConfigError } from './pod-references';
import type { Container, HttpGet, LifecycleHandler, Probe } from './pod-shapes';

/** What a probe or hook is asked of. */
export interface ProbeTarget extends ContainerSurroundings {
  /** Of the process that stands for the container, whatever port the probe names. */
  port: number;
}

/**
 * Runs a probe once.
 * @returns undefined when it succeeds, else what failed, in the kubelet's words
 */
export async function runProbe(probe: Probe, target: ProbeTarget): Promise<string | undefined> {
  const timeout = (probe.timeoutSeconds ?? 1) * 1000;
  if (probe.httpGet) return httpGet(probe.httpGet, target.port, timeout);
  return probe.exec ? execute(probe.exec.command, target, timeout) : tcpProbe(target.port, timeout);
}

/** Runs a lifecycle hook to its end. @returns undefined when it succeeds, else what failed */
export async function runHook(
  hook: LifecycleHandler,
  target: ProbeTarget,
  timeoutMilliseconds: number,
): Promise<string | undefined> {
  if (hook.exec) return execute(hook.exec.command, target, timeoutMilliseconds);
  if (hook.httpGet) return httpGet(hook.httpGet, target.port, timeoutMilliseconds);
  const seconds = hook.sleep?.seconds ?? 0;
  await new Promise(resolve => setTimeout(resolve, Math.min(seconds * 1000, timeoutMilliseconds)));
  return undefined;
}

/** @throws ContainerConfigError for kinds of probes and hooks that nothing here can run */
export function checkHandlers({ startupProbe, readinessProbe, livenessProbe, lifecycle }: Container): void {
  const probes = { startupProbe, readinessProbe, livenessProbe };
  for (const [what, probe] of Object.entries(probes)) {
    if (probe && !probe.tcpSocket && !probe.httpGet && !probe.exec) {
      throw new ContainerConfigError(
        `local Kubernetes runs httpGet, tcpSocket and exec probes only; ${what} is of another kind`,
      );
    }
  }
  for (const [what, hook] of Object.entries(lifecycle ?? {})) {
    const handler = hook as LifecycleHandler | undefined;
    if (handler && !handler.exec && !handler.httpGet && !handler.sleep) {
      throw new ContainerConfigError(
        `local Kubernetes runs exec, httpGet and sleep hooks only; ${what} is of another kind`,
      );
    }
  }
}

/** As the kubelet asks: no redirect is followed to another host, and no certificate is checked. */
function httpGet(get: HttpGet, port: number, timeout: number): Promise<string | undefined> {
  const path = get.path ?? '/';
  const secure = get.scheme === 'HTTPS';
  // Joined as text, so that a path such as //x cannot name another host.
  const url = `${secure ? 'https' : 'http'}://127.0.0.1:${port}${path.startsWith('/') ? '' : '/'}${path}`;
  const options = {
    headers: Object.fromEntries((get.httpHeaders ?? []).map(({ name, value }) => [name, value])),
    signal: AbortSignal.timeout(timeout),
    agent: false,
  } as const;
  return new Promise(resolve => {
    const sent = secure ? httpsRequest(url, { ...options, rejectUnauthorized: false }) : httpRequest(url, options);
    sent.once('response', response => {
      response.destroy();
      const { statusCode = 0 } = response;
      resolve(statusCode >= 200 && statusCode < 400 ? undefined : `HTTP probe failed with statuscode: ${statusCode}`);
    });
    sent.on('error', error => resolve(`Get "${url}": ${error.message}`));
    sent.end();
  });
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

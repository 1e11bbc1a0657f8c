import type { FastifyRequest } from 'fastify';
import { isRecord } from '../objects/api-object';
import type { Propagation } from '../objects/deletion';
import type { FieldValidation } from '../objects/preparation';
import type { DeleteOptions } from '../objects/registry';
import { badRequest, invalid, problem } from './status-error';

/** The query parameters of a request; the first of each name counts. */
export function queryOf(request: FastifyRequest): Readonly<Record<string, string | undefined>> {
  const query = request.query as Record<string, string | string[] | undefined>;
  return Object.fromEntries(
    Object.entries(query).map(([name, value]) => [name, Array.isArray(value) ? value[0] : value]),
  );
}

export function isTrue(value: string | undefined): boolean {
  return value === 'true' || value === '1';
}

/** A whole number, or undefined when the parameter is absent. @throws StatusError 400 */
export function numberOf(value: string | undefined, name: string): number | undefined {
  if (value === undefined || value === '') return undefined;
  if (!/^\d+$/.test(value))
    throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(value)}: invalid syntax (${name})`);
  return Number(value);
}

/** @throws StatusError 422 for anything but `All` */
export function isDryRun(request: FastifyRequest): boolean {
  const { dryRun } = queryOf(request);
  if (dryRun === undefined || dryRun === '') return false;
  if (dryRun === 'All') return true;
  const options = {
    group: 'meta.k8s.io',
    plural: '',
    kind: `${request.method === 'POST' ? 'Create' : 'Patch'}Options`,
  };
  throw invalid(options, '', [problem.notSupported('dryRun', dryRun, ['All'])]);
}

/** The field manager that the request names, or else the program that sends it, as managedFields has it. */
export function fieldManagerOf(request: FastifyRequest): string {
  const { fieldManager } = queryOf(request);
  if (fieldManager) return fieldManager;
  return (request.headers['user-agent'] ?? 'unknown').split('/')[0] ?? 'unknown';
}

export function fieldValidationOf(request: FastifyRequest): FieldValidation {
  const { fieldValidation } = queryOf(request);
  if (fieldValidation === 'Ignore' || fieldValidation === 'Strict') return fieldValidation;
  return 'Warn';
}

const propagations = new Set<unknown>(['Background', 'Foreground', 'Orphan']);

/** DeleteOptions from the body, or from the query where the body says nothing. @throws StatusError 400 */
export function deleteOptionsOf(request: FastifyRequest): DeleteOptions {
  const query = queryOf(request);
  const body = isRecord(request.body) ? request.body : {};
  const propagation = body.propagationPolicy ?? query.propagationPolicy;
  if (propagation !== undefined && !propagations.has(propagation)) {
    throw badRequest(`invalid propagationPolicy ${JSON.stringify(propagation)}`);
  }
  const grace =
    typeof body.gracePeriodSeconds === 'number'
      ? body.gracePeriodSeconds
      : numberOf(query.gracePeriodSeconds, 'gracePeriodSeconds');
  const { uid, resourceVersion } = isRecord(body.preconditions) ? body.preconditions : {};
  const dryRun = (Array.isArray(body.dryRun) && body.dryRun.includes('All')) || isDryRun(request);
  return {
    dryRun,
    ...(grace === undefined ? {} : { gracePeriodSeconds: grace }),
    ...(propagation === undefined ? {} : { propagation: propagation as Propagation }),
    ...(typeof uid === 'string' ? { uid } : {}),
    ...(typeof resourceVersion === 'string' ? { resourceVersion } : {}),
  };
}

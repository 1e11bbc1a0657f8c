import { z } from 'zod';
import type { Plane } from '../../requests/request-record';

const planes = [
  'directory',
  'devops',
  'arm',
  'discovery',
  'history',
  'metric',
  'mlflow',
  'scoring',
  'blob',
  'kubernetes',
  'other',
] as const satisfies readonly Plane[];

/** The codes with which Azure ML documents that a deployment's operation fails; any other text is taken as well. */
export const operationFailureCodes = [
  'OutOfQuota',
  'ImageBuildFailure',
  'ResourceNotReady',
  'BadArgument',
  'SecretsInjectionError',
  'OperationCanceled',
  'InternalServerError',
] as const;

const milliseconds = z.number().int().min(0).max(600_000);

const effect = z.discriminatedUnion('type', [
  /** An error answer in the plane's own form, for example 429 with Retry-After or 503. `handled`: the request is carried out all the same. */
  z.strictObject({
    type: z.literal('status'),
    status: z.number().int().min(400).max(599),
    /** Text of the Retry-After header in seconds. */
    retryAfterSeconds: z.number().min(0).max(3600).optional(),
    code: z.string().min(1).optional(),
    message: z.string().min(1).optional(),
    handled: z.boolean().optional(),
  }),
  /** The connection ends without an answer. `handled`: after the request was carried out. */
  z.strictObject({ type: z.literal('reset'), handled: z.boolean().optional() }),
  /** The request waits before it is looked at. */
  z.strictObject({ type: z.literal('slow'), milliseconds }),
  /** The answer's headers announce all of it, the connection ends after that many bytes of the body. */
  z.strictObject({ type: z.literal('truncate'), bytes: z.number().int().min(0) }),
  /** The long-running operation that the request starts ends Failed with that code. */
  z.strictObject({
    type: z.literal('operation'),
    code: z.string().min(1),
    message: z.string().min(1).optional(),
  }),
  /** 401: the token that came with the request is treated as one that has run out, or was revoked. */
  z.strictObject({ type: z.literal('token'), state: z.enum(['expired', 'revoked']) }),
  /** For a write: what is read at the same path afterwards is what was there before it, for that many reads or that long. */
  z.strictObject({
    type: z.literal('stale'),
    reads: z.number().int().min(1).optional(),
    milliseconds: milliseconds.min(1).optional(),
  }),
  /** A JSON answer that is no error has these values at these places, such as `{"properties.status": "Paused"}`. */
  z.strictObject({
    type: z.literal('fields'),
    set: z.record(z.string().min(1), z.union([z.string(), z.number(), z.boolean(), z.null()])),
  }),
]);

/**
 * A fault on demand: which requests, which of them, and what happens to them. As JSON for the admin API, and the same in-process.
 * ```json
 * {"plane": "arm", "method": "PUT", "path": "onlineEndpoints/*\/deployments/*", "first": 1, "fault": {"type": "operation", "code": "OutOfQuota"}}
 * ```
 */
export const faultRule = z
  .strictObject({
    /** Stands in the request log; `fault-N` unless given. */
    name: z.string().min(1).max(100).optional(),
    /** Every plane unless given. */
    plane: z.enum(planes).optional(),
    /** Every method unless given. */
    method: z
      .string()
      .regex(/^[A-Za-z]+$/)
      .optional(),
    /**
     * Path without query, either whole or below the workspace, the tenant or the blob account; `*` stands for anything within one segment, `**` for
     * anything. Letter case does not count. Every path unless given.
     */
    path: z.string().min(1).optional(),
    /** Only the nth request that matches, counted from 1. */
    nth: z.number().int().min(1).optional(),
    /** Only the first n requests that match. */
    first: z.number().int().min(1).optional(),
    /** Each request that matches with this probability, drawn from a sequence that `seed` alone decides. */
    probability: z.number().min(0).max(1).optional(),
    /** 1 unless given. */
    seed: z.number().int().optional(),
    fault: effect,
  })
  .refine(rule => [rule.nth, rule.first, rule.probability].filter(one => one !== undefined).length <= 1, {
    message: 'give one of nth, first and probability',
  })
  .refine(rule => rule.seed === undefined || rule.probability !== undefined, {
    message: 'seed goes with probability only',
    path: ['seed'],
  });

export type FaultRule = z.input<typeof faultRule>;
export type FaultEffect = z.infer<typeof effect>;

/** A rule that is in force. */
export interface ActiveFault {
  id: string;
  rule: FaultRule & { name: string };
  /** Requests that matched so far. */
  matched: number;
  /** Those of them that got the fault. */
  injected: number;
}

/** @throws FaultRuleError that lists every problem with its place */
export function readFaultRule(given: unknown): FaultRule {
  const read = faultRule.safeParse(given);
  if (read.success) return read.data;
  throw new FaultRuleError(
    read.error.issues.map(issue => `${issue.path.join('.') || 'rule'}: ${issue.message}`).join('; '),
  );
}

export class FaultRuleError extends Error {}

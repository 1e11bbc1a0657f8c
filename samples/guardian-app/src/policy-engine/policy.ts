import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { problemsOf } from '../shared/failure';
import type { Outcome, PolicyDecision, Video } from '../shared/video';

const outcome = z.enum(['approve', 'review', 'block']);
/** What a rule may look at; a fact that a video does not have is 0. */
const facts = {
  risk: video => video.screening?.risk,
  'nsfw.probability': video => video.analysis?.nsfw.probability,
  'nsfw.flagged': video => video.analysis?.nsfw.flagged,
  'violence.probability': video => video.analysis?.violence.probability,
  'violence.flagged': video => video.analysis?.violence.flagged,
} satisfies Record<string, (video: Pick<Video, 'screening' | 'analysis'>) => number | undefined>;

const policy = z.strictObject({
  /** Stands in every decision: another content needs another version. */
  version: z.string().min(1),
  rules: z.array(
    z.strictObject({
      id: z.string().min(1),
      when: z.strictObject({
        fact: z.enum(Object.keys(facts) as [keyof typeof facts, ...(keyof typeof facts)[]]),
        atLeast: z.number().min(0).max(1),
      }),
      outcome,
      reason: z.string().min(1),
    }),
  ),
  otherwise: outcome,
});
export type Policy = z.infer<typeof policy>;

const severity: Record<Outcome, number> = { approve: 0, review: 1, block: 2 };

/** @throws Error that names the file and every problem in it */
export function readPolicy(file: string): Policy {
  const result = policy.safeParse(JSON.parse(readFileSync(file, 'utf8')));
  if (result.success) return result.data;
  throw new Error(`${file}: ${problemsOf(result.error).join('; ')}`);
}

/** The most severe outcome of the rules that apply, with the reason of each. */
export function decide(
  { version, rules, otherwise }: Policy,
  video: Pick<Video, 'screening' | 'analysis'>,
): PolicyDecision {
  const applying = rules
    .map(rule => ({ ...rule, value: facts[rule.when.fact](video) ?? 0 }))
    .filter(({ value, when }) => value >= when.atLeast)
    .sort((a, b) => severity[b.outcome] - severity[a.outcome]);
  const [first] = applying;
  if (!first) return { outcome: otherwise, policyVersion: version, reasons: ['No rule applies'] };
  return {
    outcome: first.outcome,
    policyVersion: version,
    reasons: applying.map(
      ({ id, reason, when, value }) => `${id}: ${reason} (${when.fact} ${value.toFixed(3)}, from ${when.atLeast} on)`,
    ),
  };
}

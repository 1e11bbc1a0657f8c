import { randomInt } from 'node:crypto';
import { userError } from '../arm/arm-error';
import { checkRange } from '../compute/search-space';
import {
  decimal,
  duration,
  invalid,
  oneOf,
  optionalRecord,
  record,
  requiredText,
  wholeNumber,
  type Body,
} from './body-fields';
import { commandSpec, jobCommon } from './command-body';
import { requirePlaceholders } from './data-body';
import type { EarlyTermination, SearchRange, SweepRequest } from './job-request';

/** Most trials of a sweep, and how many there are when the client names no number. Source: docs, how-to-tune-hyperparameters. */
const mostTrials = 1000;

/** Reads the properties of a sweep job. @throws ArmError 400 */
export function sweepRequest(given: Body): SweepRequest {
  const common = jobCommon(given);
  const trialBody = record(given, 'trial');
  const trial = commandSpec(trialBody, 'trial.');
  // Newer clients name the resources beside the trial. Source: azure-ai-ml 1.35, SweepJob.
  if (optionalRecord(trialBody, 'resources', 'trial.') === null && optionalRecord(given, 'resources') !== null)
    trial.resources = commandSpec({ ...trialBody, resources: given.resources }, 'trial.').resources;
  const searchSpace = searchSpaceOf(record(given, 'searchSpace'));
  requirePlaceholders(
    trial.command,
    {
      inputs: Object.keys(common.inputs),
      outputs: Object.keys(common.outputs),
      search_space: Object.keys(searchSpace),
    },
    'trial.command',
  );
  const sampling = samplingOf(record(given, 'samplingAlgorithm'), searchSpace);
  const objective = record(given, 'objective');
  const earlyTermination = optionalRecord(given, 'earlyTermination');
  requiredText(objective, 'goal', 'objective.');
  return {
    jobType: 'Sweep',
    ...common,
    trial,
    searchSpace,
    samplingAlgorithm: sampling,
    drawnSeed: (sampling.samplingAlgorithmType === 'Random' ? sampling.seed : null) ?? randomInt(2 ** 31),
    objective: {
      goal: oneOf(objective, 'goal', ['Minimize', 'Maximize'], 'Maximize', 'objective.'),
      primaryMetric: requiredText(objective, 'primaryMetric', 'objective.'),
    },
    earlyTermination: earlyTermination && earlyTerminationOf(earlyTermination),
    limits: limitsOf(record(given, 'limits')),
  };
}

function searchSpaceOf(given: Body): Record<string, SearchRange> {
  const names = Object.keys(given);
  if (names.length === 0) throw userError('The searchSpace field is required.', { target: 'searchSpace' });
  return Object.fromEntries(
    names.map(name => {
      // `["uniform", [0.1, 0.9]]`. Source: azure-ai-ml, entities/_job/sweep/search_space.py
      const value = given[name];
      const [kind, parameters] = Array.isArray(value) ? (value as unknown[]) : [];
      if (typeof kind !== 'string' || !Array.isArray(parameters))
        throw invalid(
          `searchSpace.${name}`,
          'must be a list of a distribution and its parameters, as ["choice", [[1, 2]]]',
        );
      const range = { kind: kind.toLowerCase(), parameters: parameters as unknown[] };
      const wrong = checkRange(range);
      if (wrong !== undefined) throw invalid(`searchSpace.${name}`, wrong);
      return [name, range];
    }),
  );
}

function samplingOf(given: Body, space: Record<string, SearchRange>): SweepRequest['samplingAlgorithm'] {
  const type = requiredText(given, 'samplingAlgorithmType', 'samplingAlgorithm.');
  if (type.toLowerCase() === 'bayesian') {
    throw userError('Bayesian sampling is not supported by local Azure; supported: Grid, Random.', {
      target: 'samplingAlgorithm.samplingAlgorithmType',
    });
  }
  const samplingAlgorithmType = oneOf(
    given,
    'samplingAlgorithmType',
    ['Grid', 'Random'],
    'Random',
    'samplingAlgorithm.',
  );
  if (samplingAlgorithmType === 'Random') {
    const rule = oneOf(given, 'rule', ['Random', 'Sobol'], 'Random', 'samplingAlgorithm.');
    if (rule === 'Sobol')
      throw userError('The sampling rule Sobol is not supported by local Azure; supported: Random.', {
        target: 'samplingAlgorithm.rule',
      });
    const seed = decimal(given, 'seed', 'samplingAlgorithm.');
    return { samplingAlgorithmType, seed: seed ?? null, rule };
  }
  const other = Object.entries(space).find(([, range]) => range.kind !== 'choice');
  if (other)
    throw userError(
      `Grid sampling supports choice hyperparameters only; ${other[0]} is ${other[1].kind}. Use random sampling for it.`,
      { target: `searchSpace.${other[0]}` },
    );
  return { samplingAlgorithmType };
}

function limitsOf(given: Body): SweepRequest['limits'] {
  const at = 'limits.';
  const maxTotalTrials = wholeNumber(given, 'maxTotalTrials', 1, mostTrials, at);
  if (maxTotalTrials > mostTrials) throw invalid('limits.maxTotalTrials', `must be between 1 and ${mostTrials}`);
  const maxConcurrentTrials = wholeNumber(given, 'maxConcurrentTrials', 1, maxTotalTrials, at);
  if (maxConcurrentTrials > mostTrials)
    throw invalid('limits.maxConcurrentTrials', `must be between 1 and ${mostTrials}`);
  return {
    jobLimitsType: 'Sweep',
    maxTotalTrials,
    maxConcurrentTrials,
    timeout: duration(given, 'timeout', at),
    trialTimeout: duration(given, 'trialTimeout', at),
  };
}

function earlyTerminationOf(given: Body): EarlyTermination {
  const at = 'earlyTermination.';
  requiredText(given, 'policyType', at);
  const policyType = oneOf(given, 'policyType', ['Bandit', 'MedianStopping', 'TruncationSelection'], 'Bandit', at);
  const policy: EarlyTermination = {
    policyType,
    // 0 and absent mean every interval.
    evaluationInterval: Math.max(1, wholeNumber(given, 'evaluationInterval', 0, 1, at)),
    delayEvaluation: wholeNumber(given, 'delayEvaluation', 0, 0, at),
  };
  if (policyType === 'Bandit') {
    const slackFactor = decimal(given, 'slackFactor', at) ?? 0;
    const slackAmount = decimal(given, 'slackAmount', at) ?? 0;
    if (
      slackFactor < 0 ||
      slackAmount < 0 ||
      (slackFactor === 0 && slackAmount === 0) ||
      (slackFactor > 0 && slackAmount > 0)
    )
      throw userError('A Bandit policy needs either a slackFactor or a slackAmount, greater than 0.', {
        target: 'earlyTermination.slackFactor',
      });
    return { ...policy, slackFactor, slackAmount };
  }
  if (policyType === 'TruncationSelection') {
    const truncationPercentage = wholeNumber(given, 'truncationPercentage', 1, 0, at);
    if (truncationPercentage < 1 || truncationPercentage > 99)
      throw invalid('earlyTermination.truncationPercentage', 'must be between 1 and 99');
    return { ...policy, truncationPercentage };
  }
  return policy;
}

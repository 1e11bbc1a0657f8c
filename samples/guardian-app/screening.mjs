/** An endpoint did not give a judgement. */
export class EndpointFailure extends Error {}

/**
 * Asks both models about one image, at the same time.
 * @param {import('./configuration.mjs').Configuration} configuration complete: nothing missing
 * @param {Buffer} image JPEG or PNG
 * @param {string} contentType
 * @returns judgement of each model with the deployment that answered, and the decision
 * @throws {EndpointFailure}
 */
export async function screenImage({ nsfw, violence, timeoutMilliseconds }, image, contentType) {
  const [nsfwJudgement, violenceJudgement] = await Promise.all([
    askModel('nsfw', nsfw, image, contentType, timeoutMilliseconds),
    askModel('violence', violence, image, contentType, timeoutMilliseconds),
  ]);
  return {
    nsfw: nsfwJudgement,
    violence: violenceJudgement,
    decision: decide([nsfwJudgement, violenceJudgement]),
  };
}

/** The label of both models for an image without a finding. */
const harmless = 'safe';

/** A finding that is nearly sure blocks; one that is not goes to a person. */
function decide(judgements) {
  const findings = judgements.filter(({ label }) => label !== harmless);
  if (findings.some(({ probability }) => probability >= 0.9)) return 'block';
  return findings.length > 0 ? 'review' : 'approve';
}

async function askModel(name, endpoint, image, contentType, timeoutMilliseconds) {
  const failed = (what, cause) => new EndpointFailure(`the ${name} endpoint ${endpoint.url} ${what}`, { cause });
  let response;
  let text;
  try {
    response = await fetch(endpoint.url, {
      method: 'POST',
      headers: { authorization: `Bearer ${endpoint.key}`, 'content-type': contentType, accept: 'application/json' },
      body: image,
      signal: AbortSignal.timeout(timeoutMilliseconds),
    });
    text = await response.text();
  } catch (error) {
    if (error.name === 'TimeoutError') throw failed(`did not answer within ${timeoutMilliseconds / 1000} s`, error);
    throw failed(`cannot be reached (${error.cause?.code ?? error.cause?.message ?? error.message})`, error);
  }
  if (!response.ok) throw failed(`answered ${response.status}: ${text.slice(0, 300)}`);
  const { label, probability, probabilities, model } = parseAnswer(text, failed);
  return { label, probability, probabilities, model, deployment: response.headers.get('azureml-model-deployment') };
}

function parseAnswer(text, failed) {
  let answer;
  try {
    answer = JSON.parse(text);
  } catch (error) {
    throw failed(`answered something that is not JSON: ${text.slice(0, 100)}`, error);
  }
  if (typeof answer?.label !== 'string' || typeof answer.probability !== 'number') {
    throw failed(`answered without label and probability: ${text.slice(0, 300)}`);
  }
  return answer;
}

/* global document, fetch, atob */
// The token stays in this page's memory: it is gone when the page is.
const element = id => document.getElementById(id);
const token = () => element('token').value.trim();
const say = text => (element('message').textContent = text);

async function call(method, path, body) {
  const response = await fetch(`/v1${path}`, {
    method,
    headers: {
      authorization: `Bearer ${token()}`,
      ...(body ? { 'content-type': 'application/json' } : {}),
    },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error ?? `answered ${response.status}`);
  return answer;
}

/** Who the token says we are; whether that is so, the gateway decides at each call. */
function me() {
  try {
    return JSON.parse(atob(token().split('.')[1].replaceAll('-', '+').replaceAll('_', '/'))).sub;
  } catch {
    return undefined;
  }
}

function make(tag, attributes, ...content) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...content);
  return made;
}

function button(label, act) {
  const made = make('button', { type: 'button' }, label);
  made.addEventListener('click', () => {
    made.disabled = true;
    act()
      .catch(error => say(error.message))
      .finally(() => (made.disabled = false));
  });
  return made;
}

const percent = value => `${Math.round(value * 100)} %`;

/** What a person sees before the claim: why the video waits, and what the models found. */
function findings({ policy, analysis }) {
  const models = Object.entries(analysis ?? {}).map(
    ([name, { label, probability, flagged }]) =>
      `${name}: ${label} at ${percent(probability)}, ${percent(flagged)} of the frames flagged`,
  );
  return make('ul', {}, ...[...(policy?.reasons ?? []), ...models].map(text => make('li', {}, text)));
}

/** Only who has claimed a video can decide it; a reason is part of the decision. */
function decisionControls({ videoId, fileName }) {
  const place = make('div', {});
  const comment = make('input', { name: 'comment', required: '', maxlength: '2000' });
  const decide = outcome => async () => {
    if (!comment.reportValidity()) return;
    await call('POST', `/reviews/${videoId}/decision`, { outcome, comment: comment.value });
    await show(`${fileName}: ${outcome}.`);
    element('message').focus();
  };
  const watch = async () => {
    const { url } = await call('GET', `/videos/${videoId}/content`);
    place.replaceChildren(make('video', { src: url, controls: '', 'aria-label': fileName }));
  };
  const suggest = async () => {
    const { suggestion, explanation, model } = await call('GET', `/reviews/${videoId}/suggestion`);
    place.append(make('p', { class: 'advice' }, `${model} suggests: ${suggestion}. ${explanation}`));
  };
  return [
    button('Watch', watch),
    button('Ask the copilot', suggest),
    place,
    make('label', {}, 'Reason ', comment),
    button('Approve', decide('approve')),
    button('Block', decide('block')),
  ];
}

function card(video) {
  const { videoId, fileName, claim } = video;
  const isClaimed = claim !== undefined && new Date(claim.until) > new Date();
  const isMine = isClaimed && claim.by === me();
  const take = async () => {
    await call('POST', `/reviews/${videoId}/claim`);
    await show();
    element(videoId).querySelector('button').focus();
  };
  return make(
    'article',
    { id: videoId, 'aria-labelledby': `${videoId}-name` },
    make('h2', { id: `${videoId}-name` }, fileName),
    findings(video),
    ...(isClaimed ? [make('p', {}, `Claimed by ${claim.by} until ${new Date(claim.until).toLocaleTimeString()}`)] : []),
    ...(isMine ? decisionControls(video) : []),
    ...(isClaimed ? [] : [button('Claim', take)]),
  );
}

async function show(done = '') {
  const { videos } = await call('GET', '/reviews?limit=100');
  element('reviews').replaceChildren(...videos.map(card));
  say(`${done} ${videos.length === 0 ? 'Nothing waits.' : `${videos.length} waiting.`}`.trim());
}

element('access').addEventListener('submit', event => {
  event.preventDefault();
  show().catch(error => say(error.message));
});

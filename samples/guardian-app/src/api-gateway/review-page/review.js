/* global document, fetch */
// The token stays in this page's memory: it is gone when the page is.
const element = id => document.getElementById(id);
const say = text => (element('message').textContent = text);

async function call(method, path, body) {
  const response = await fetch(`/v1${path}`, {
    method,
    headers: {
      authorization: `Bearer ${element('token').value}`,
      ...(body ? { 'content-type': 'application/json' } : {}),
    },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error ?? `answered ${response.status}`);
  return answer;
}

function button(label, act) {
  const made = document.createElement('button');
  made.type = 'button';
  made.textContent = label;
  made.addEventListener('click', () => act().then(show, error => say(error.message)));
  return made;
}

function row({ videoId, fileName, policy, claim }) {
  const made = document.createElement('tr');
  const comment = document.createElement('input');
  comment.setAttribute('aria-label', `Comment on ${fileName}`);
  const decide = outcome => () =>
    call('POST', `/reviews/${videoId}/decision`, { outcome, comment: comment.value || outcome });
  const cells = [
    [fileName],
    [(policy?.reasons ?? []).join('; ')],
    [claim ? `${claim.by} until ${claim.until}` : '', button('Claim', () => call('POST', `/reviews/${videoId}/claim`))],
    [comment, button('Approve', decide('approve')), button('Block', decide('block'))],
  ];
  for (const content of cells) {
    const cell = document.createElement('td');
    cell.append(...content);
    made.append(cell);
  }
  return made;
}

async function show() {
  const { videos } = await call('GET', '/reviews');
  element('reviews').replaceChildren(...videos.map(row));
  say(videos.length === 0 ? 'Nothing waits.' : `${videos.length} wait.`);
}

element('access').addEventListener('submit', event => {
  event.preventDefault();
  show().catch(error => say(error.message));
});

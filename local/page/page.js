/* global document, location, DOMParser, TextDecoder, fetch, setTimeout, Node */
// Keeps the page as it would be if it were loaded now. Only what differs is touched: the keyboard's place, selections, open details and scrolling stay.

const updateMilliseconds = 1000;
const logCharacters = 2_000_000;
const live = document.getElementById('live');
const main = document.getElementById('content');
let tag = '';

/** Makes `now` (what is shown) like `next`. */
function become(now, next) {
  if (now.nodeType !== next.nodeType || now.nodeName !== next.nodeName) {
    now.replaceWith(document.importNode(next, true));
    return;
  }
  if (now.nodeType === Node.TEXT_NODE) {
    if (now.data !== next.data) now.data = next.data;
    return;
  }
  if (now.nodeType !== Node.ELEMENT_NODE || now.dataset.log !== undefined) return;
  // The text of a time is the script's; the server's is the same moment.
  if (now.nodeName === 'TIME' && now.dateTime === next.dateTime) return;
  if (now.dataset.since !== undefined && now.dataset.since === next.dataset.since) return;
  for (const { name } of [...now.attributes]) {
    if (!next.hasAttribute(name) && name !== 'open' && name !== 'title') now.removeAttribute(name);
  }
  for (const { name, value } of next.attributes) {
    if (now.getAttribute(name) !== value) now.setAttribute(name, value);
  }
  const olds = [...now.childNodes];
  const news = [...next.childNodes];
  news.forEach((child, index) => {
    if (olds[index]) become(olds[index], child);
    else now.append(document.importNode(child, true));
  });
  olds.slice(news.length).forEach(child => child.remove());
}

async function updatePage() {
  const answer = await fetch(location.href, { headers: { 'x-update': '1', ...(tag ? { 'if-none-match': tag } : {}) } });
  if (answer.status === 304) return;
  tag = answer.headers.get('etag') ?? '';
  const next = new DOMParser().parseFromString(await answer.text(), 'text/html');
  become(main, next.getElementById('content'));
  document.title = next.title;
}

const decoders = new WeakMap();

/** Appends what a log has grown by; stays at the end when that is what was seen. */
async function updateLog(log) {
  if (!decoders.has(log)) decoders.set(log, new TextDecoder());
  for (;;) {
    const answer = await fetch(`${log.dataset.log}&from=${log.dataset.next}`);
    if (!answer.ok) return;
    const bytes = await answer.arrayBuffer();
    if (bytes.byteLength === 0) return;
    const isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 24;
    log.append(decoders.get(log).decode(bytes, { stream: true }));
    log.dataset.next = answer.headers.get('x-next');
    log.normalize();
    const text = log.firstChild;
    if (text.length > logCharacters) text.deleteData(0, text.length - logCharacters);
    if (isAtEnd) log.scrollTop = log.scrollHeight;
  }
}

function ago(milliseconds) {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 10) return 'just now';
  if (seconds < 60) return `${seconds} s ago`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ago`;
  return minutes < 48 * 60 ? `${Math.floor(minutes / 60)} h ago` : `${Math.floor(minutes / 1440)} days ago`;
}

/** Shows times as how long ago they were; the moment itself stays in the title. */
function updateTimes() {
  for (const time of document.querySelectorAll('time')) {
    const at = new Date(time.dateTime);
    const shown = ago(Date.now() - at);
    if (time.textContent !== shown) time.textContent = shown;
    time.title = at.toLocaleString();
  }
  for (const running of document.querySelectorAll('[data-since]')) {
    const shown = `${Math.max(0, Math.round((Date.now() - Date.parse(running.dataset.since)) / 1000))} s so far`;
    if (running.textContent !== shown) running.textContent = shown;
  }
}

function say(text) {
  if (live.textContent !== text) live.textContent = text;
}

async function update() {
  if (!document.hidden) {
    try {
      await updatePage();
      for (const log of document.querySelectorAll('[data-log]')) await updateLog(log);
      updateTimes();
      say('');
    } catch {
      say('Local Azure does not answer; what is shown is its last state.');
    }
  }
  setTimeout(update, updateMilliseconds);
}

for (const log of document.querySelectorAll('[data-log]')) log.scrollTop = log.scrollHeight;
updateTimes();
void update();

// One of many tabs: says when the answer to the refresh was there, and when each request was sent again.
import { createSession } from "/oneflight/index.js";

const clock = () => performance.timeOrigin + performance.now();
let tokenEndpoint;
let answered;
let sent;
let again;

async function timed(input, init) {
  const url = String(input);
  if (url === tokenEndpoint) {
    const response = await fetch(input, init);
    answered = clock();
    return response;
  }
  if (sent.has(url)) again.push(clock());
  sent.add(url);
  return fetch(input, init);
}

window.begin = (options) => {
  tokenEndpoint = options.tokenEndpoint;
  window.session = createSession({ ...options, fetch: timed });
};

window.until = (fits) =>
  new Promise((resolve) => {
    const look = () => {
      if (!fits(session.snapshot)) return;
      stop();
      resolve(session.snapshot);
    };
    const stop = session.subscribe(look);
    look();
  });

let number = 0;

/** `count` requests at once, all of them refused at first. */
window.storm = async (url, count) => {
  answered = undefined;
  sent = new Set();
  again = [];
  const one = async () => {
    const response = await session.fetch(`${url}?${performance.timeOrigin}-${++number}`);
    await response.text();
    return response.status;
  };
  const statuses = await Promise.all(Array.from({ length: count }, one));
  return { answered, again, well: statuses.every((status) => status === 200) };
};

isReady();

const word = new BroadcastChannel("bare");

/** The same by bare `fetch`, with nothing to decide: refused, then all sent again on one word of one tab. */
window.bare = async (url, count) => {
  again = [];
  const token = await session.token();
  const send = (bearer) => fetch(`${url}?${performance.timeOrigin}-${++number}`, { headers: { authorization: `Bearer ${bearer}` } });
  await Promise.all(Array.from({ length: count }, () => send("refused")));
  const heard = new Promise((resolve) => {
    word.onmessage = resolve;
    window.say = () => {
      const now = clock();
      word.postMessage("now");
      resolve();
      return now;
    };
  });
  window.isListening = true;
  await heard;
  window.isListening = false;
  const one = async () => {
    again.push(clock());
    const response = await send(token);
    await response.text();
    return response.status;
  };
  const statuses = await Promise.all(Array.from({ length: count }, one));
  return { again, well: statuses.every((status) => status === 200) };
};

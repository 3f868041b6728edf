// Made from packages/oneflight by `cargo xtask npm`: do not edit. It is what `Builder::shared_worker` wants the address of.

// src/shared-worker.ts
var MAX_CHARACTERS = 1048577;
var FORGOTTEN = 864e5;
var ANSWERS = "answers";
var SHOWN_HEADERS = ["content-type", "retry-after"];
var flights = /* @__PURE__ */ new Map();
var answers = /* @__PURE__ */ new Map();
async function inDatabase(mode, work) {
  try {
    const database = await new Promise((resolve, reject) => {
      const request = indexedDB.open("oneflight-worker", 1);
      request.onupgradeneeded = () => request.result.createObjectStore(ANSWERS);
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
    try {
      return await new Promise((resolve, reject) => {
        const transaction = database.transaction(ANSWERS, mode);
        let left;
        transaction.oncomplete = () => resolve(left);
        transaction.onabort = () => reject(transaction.error);
        work(transaction.objectStore(ANSWERS), (value) => {
          left = value;
        });
      });
    } finally {
      database.close();
    }
  } catch {
    return void 0;
  }
}
var remembered = (key) => inDatabase("readwrite", (store, leave) => {
  const cursor = store.openCursor();
  cursor.onsuccess = () => {
    const found = cursor.result;
    if (!found) return;
    const { at, answer } = found.value;
    if (Date.now() - at > FORGOTTEN) found.delete();
    else if (found.key === key) leave(answer);
    found.continue();
  };
});
async function send(url, init, signal) {
  const response = await fetch(url, { ...init, signal });
  const headers = SHOWN_HEADERS.flatMap((name) => {
    const value = response.headers.get(name);
    return value === null ? [] : [[name, value]];
  });
  const status = response.type === "opaqueredirect" ? 302 : response.status;
  return { status, headers, text: (await response.text()).slice(0, MAX_CHARACTERS) };
}
function answerTo(key, url, init) {
  const flight = flights.get(key);
  if (flight) return flight.answer;
  const abort = new AbortController();
  const work = async () => {
    try {
      const known = answers.get(key) ?? await remembered(key);
      if (known) return known;
      const answer2 = await send(url, init, abort.signal);
      if (answer2.status >= 200 && answer2.status < 300 && init.credentials !== "include") {
        answers.set(key, answer2);
        await inDatabase("readwrite", (store) => void store.put({ at: Date.now(), answer: answer2 }, key));
      }
      return answer2;
    } catch {
      return void 0;
    } finally {
      if (flights.get(key)?.abort === abort) flights.delete(key);
    }
  };
  const answer = work();
  flights.set(key, { answer, abort });
  return answer;
}
function forget(key) {
  answers.delete(key);
  void inDatabase("readwrite", (store) => void store.delete(key));
}
function serve(port) {
  const asked = /* @__PURE__ */ new Map();
  port.onmessage = async ({ data }) => {
    if ("id" in data) {
      const { id: id2, url, init } = data;
      const key2 = `${url} ${String(init.body)}`;
      asked.set(id2, key2);
      port.postMessage({ id: id2, answer: await answerTo(key2, url, init) });
      return;
    }
    const id = "drop" in data ? data.drop : data.kept;
    const key = asked.get(id);
    asked.delete(id);
    if (key === void 0) return;
    if ("kept" in data) return forget(key);
    flights.get(key)?.abort.abort();
    flights.delete(key);
  };
  port.postMessage("ready");
}
addEventListener("connect", (event) => {
  const [port] = event.ports;
  if (port) serve(port);
});

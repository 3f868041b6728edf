/**
 * The script of the shared worker: sends what the pages ask for, and remembers the answer until a page has stored what was
 * in it. A page that is left takes its own requests with it; the next one asks for the same with the same token, and is
 * given the answer of the first request, whether that is still on its way or came in between.
 */

/** A response as data. */
export interface Answer {
  status: number;
  headers: [string, string][];
  text: string;
}

export type ToWorker = { id: number; url: string; init: RequestInit } | { drop: number } | { kept: number };

export interface FromWorker {
  id: number;
  /** None: the request failed. */
  answer?: Answer | undefined;
}

/** Token answers are small; what is longer is cut, and then is not JSON. */
const MAX_CHARACTERS = 1_048_577;
/** A forgotten answer is removed after a day, in milliseconds. */
const FORGOTTEN = 86_400_000;
const ANSWERS = 'answers';
const SHOWN_HEADERS = ['content-type', 'retry-after'];

interface Kept {
  at: number;
  answer: Answer;
}

/** Both live as long as the worker; the database outlives it. */
const flights = new Map<string, { answer: Promise<Answer | undefined>; abort: AbortController }>();
const answers = new Map<string, Answer>();

async function inDatabase<T>(mode: IDBTransactionMode, work: (answers: IDBObjectStore, leave: (value: T) => void) => void): Promise<T | undefined> {
  try {
    const database = await new Promise<IDBDatabase>((resolve, reject) => {
      const request = indexedDB.open('oneflight-worker', 1);
      request.onupgradeneeded = () => request.result.createObjectStore(ANSWERS);
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
    try {
      return await new Promise<T | undefined>((resolve, reject) => {
        const transaction = database.transaction(ANSWERS, mode);
        let left: T | undefined;
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
    // What is in memory has to do.
    return undefined;
  }
}

const remembered = (key: string): Promise<Answer | undefined> =>
  inDatabase<Answer>('readwrite', (store, leave) => {
    const cursor = store.openCursor();
    cursor.onsuccess = () => {
      const found = cursor.result;
      if (!found) return;
      const { at, answer } = found.value as Kept;
      if (Date.now() - at > FORGOTTEN) found.delete();
      else if (found.key === key) leave(answer);
      found.continue();
    };
  });

async function send(url: string, init: RequestInit, signal: AbortSignal): Promise<Answer> {
  const response = await fetch(url, { ...init, signal });
  const headers = SHOWN_HEADERS.flatMap((name): [string, string][] => {
    const value = response.headers.get(name);
    return value === null ? [] : [[name, value]];
  });
  // A redirect that is not followed cannot be told any closer.
  const status = response.type === 'opaqueredirect' ? 302 : response.status;
  return { status, headers, text: (await response.text()).slice(0, MAX_CHARACTERS) };
}

/** The answer to this request, which is sent once, however many pages ask. */
function answerTo(key: string, url: string, init: RequestInit): Promise<Answer | undefined> {
  const flight = flights.get(key);
  if (flight) return flight.answer;
  const abort = new AbortController();
  const work = async () => {
    try {
      const known = answers.get(key) ?? (await remembered(key));
      if (known) return known;
      const answer = await send(url, init, abort.signal);
      // With a cookie the next request is another one, although it looks the same.
      if (answer.status >= 200 && answer.status < 300 && init.credentials !== 'include') {
        answers.set(key, answer);
        await inDatabase('readwrite', (store) => void store.put({ at: Date.now(), answer } satisfies Kept, key));
      }
      return answer;
    } catch {
      return undefined;
    } finally {
      if (flights.get(key)?.abort === abort) flights.delete(key);
    }
  };
  const answer = work();
  flights.set(key, { answer, abort });
  return answer;
}

function forget(key: string): void {
  answers.delete(key);
  void inDatabase('readwrite', (store) => void store.delete(key));
}

function serve(port: MessagePort): void {
  const asked = new Map<number, string>();
  port.onmessage = async ({ data }: MessageEvent<ToWorker>) => {
    if ('id' in data) {
      const { id, url, init } = data;
      // The refresh token is in the body: whoever presents the same one asks for the same.
      const key = `${url} ${String(init.body)}`;
      asked.set(id, key);
      port.postMessage({ id, answer: await answerTo(key, url, init) } satisfies FromWorker);
      return;
    }
    const id = 'drop' in data ? data.drop : data.kept;
    const key = asked.get(id);
    asked.delete(id);
    if (key === undefined) return;
    if ('kept' in data) return forget(key);
    flights.get(key)?.abort.abort();
    flights.delete(key);
  };
  port.postMessage('ready');
}

addEventListener('connect', (event) => {
  const [port] = (event as MessageEvent).ports;
  if (port) serve(port);
});

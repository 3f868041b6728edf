/**
 * Refreshes that outlive a reload: the entry `oneflight/worker`. Not part of the entry `oneflight`, so that it costs nobody
 * who does not ask for it.
 */
import type { RefreshWorker } from './api.js';
import type { Answer, FromWorker, ToWorker } from './shared-worker.js';

export type { RefreshWorker };

/** How long the worker may take to start before the page refreshes by itself, in milliseconds. */
const START = 2_000;

export interface SharedWorkerOptions {
  /** Where `shared-worker.js` is; default: beside this module. It must be of the page's own origin. */
  url?: string | URL;
}

/** What came of asking for the worker. */
export type WorkerState =
  /** Nothing was refreshed yet. */
  | 'unused'
  /** Refreshes run in it. */
  | 'running'
  /** This browser ends a shared worker with its last page (all but Chromium): refreshes run in the page. */
  | 'unsupported'
  /** It did not start: its script is missing, of another origin, or forbidden by a policy. Refreshes run in the page. */
  | 'failed';

class Courier implements RefreshWorker {
  state: WorkerState = 'unused';
  readonly #url: string | URL | undefined;
  readonly #waiting = new Map<number, (message: FromWorker) => void>();
  #port: Promise<MessagePort | undefined> | undefined;
  #last = 0;
  /** The answer that was handed out and is not stored yet. */
  #unkept: number | undefined;

  constructor(url: string | URL | undefined) {
    this.#url = url;
  }

  readonly fetch = async (input: RequestInfo | URL, init: RequestInit = {}): Promise<Response> => {
    const port = await (this.#port ??= this.#start());
    const { signal, ...rest } = init;
    if (!port) return globalThis.fetch(input, init);
    signal?.throwIfAborted();
    const id = ++this.#last;
    const say = (message: ToWorker) => port.postMessage(message);
    const answer = await new Promise<Answer>((resolve, reject) => {
      this.#waiting.set(id, ({ answer }) => (answer ? resolve(answer) : reject(new TypeError('The refresh failed in the worker.'))));
      signal?.addEventListener('abort', () => {
        say({ drop: id });
        this.#waiting.delete(id);
        reject(signal.reason as Error);
      });
      say({ id, url: String(input), init: rest });
    });
    this.#unkept = id;
    const { status, headers, text } = answer;
    return new Response(text || null, { status, headers });
  };

  kept(): void {
    const id = this.#unkept;
    this.#unkept = undefined;
    if (id !== undefined) void this.#port?.then((port) => port?.postMessage({ kept: id } satisfies ToWorker));
  }

  async #start(): Promise<MessagePort | undefined> {
    if (typeof SharedWorker === 'undefined') {
      this.state = 'unsupported';
      return undefined;
    }
    let outlives = false;
    try {
      // Only a browser that knows the option reads it. Bundlers want the options where they are used.
      const worker = this.#url
        ? new SharedWorker(this.#url, {
            type: 'module',
            name: 'oneflight',
            get extendedLifetime() {
              return (outlives = true);
            },
          } as WorkerOptions)
        : new SharedWorker(new URL('./shared-worker.js', import.meta.url), {
            type: 'module',
            name: 'oneflight',
            get extendedLifetime() {
              return (outlives = true);
            },
          } as WorkerOptions);
      if (!outlives) {
        worker.port.close();
        this.state = 'unsupported';
        return undefined;
      }
      const started = await new Promise<boolean>((resolve) => {
        const timer = setTimeout(() => resolve(false), START);
        worker.onerror = () => resolve(false);
        worker.port.onmessage = () => {
          clearTimeout(timer);
          resolve(true);
        };
      });
      if (started) {
        worker.port.onmessage = ({ data }: MessageEvent<FromWorker>) => {
          this.#waiting.get(data.id)?.(data);
          this.#waiting.delete(data.id);
        };
        this.state = 'running';
        return worker.port;
      }
    } catch {
      // Of another origin, or forbidden.
    }
    this.state = 'failed';
    return undefined;
  }
}

/**
 * A worker for the option `worker`: the refresh request runs in it, so a reload or a navigation of the only tab does not
 * tear it, and its answer is there for the next page. Where the browser cannot do that the page refreshes by itself, and
 * `state` says so. Each session wants one of its own.
 */
export function sharedWorker(options: SharedWorkerOptions = {}): RefreshWorker & { readonly state: WorkerState } {
  return new Courier(options.url);
}

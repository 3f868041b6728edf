import { createSession, isOneflightError, RefreshRejected, type Session, type Snapshot, whyNotReplayed } from 'oneflight';
import { sharedWorker } from 'oneflight/worker';

const worker = sharedWorker();
const session: Session = createSession({
  tokenEndpoint: 'https://login.example.com/token',
  clientId: 'my-app',
  origins: ['https://api.example.com'],
  storage: 'local',
  renew: 'keep-fresh',
  worker,
});
const own = createSession({
  refresh: async ({ refreshToken }) => {
    if (!refreshToken) throw new RefreshRejected();
    return { accessToken: 'new', expiresIn: 60 };
  },
  origins: ['self'],
});

session.addEventListener('refreshed', ({ detail }) => {
  const generation: number = detail.generation;
  console.log(generation, detail.here, worker.state === 'running');
});
// @ts-expect-error There is no such event.
session.addEventListener('refresh', () => undefined);
// @ts-expect-error Exactly one way to refresh.
createSession({ origins: ['self'] });

const stop = session.subscribe(() => {
  const snapshot: Snapshot = session.snapshot;
  document.title = snapshot.status;
});

export async function orders(): Promise<unknown> {
  try {
    const response = await session.fetch('https://api.example.com/orders', { oneflight: { noReplay: true } });
    if (whyNotReplayed(response) === 'opted-out') return undefined;
    return await response.json();
  } catch (error) {
    if (isOneflightError(error) && error.action === 'sign-in') await own.signOut();
    throw error;
  } finally {
    stop();
  }
}

void orders();

import type { Backend } from '../backend.model';
import { Callback } from './callback';
import { Provider } from './provider';
import { SignIn } from './sign-in';

/** An OpenID provider: authorization code with PKCE, then refresh tokens at its token endpoint. */
export async function backend(): Promise<Backend> {
  const provider = await Provider.discover();
  const { token_endpoint, revocation_endpoint } = provider.server;
  if (token_endpoint === undefined) throw new Error(`${provider.server.issuer} names no token endpoint`);
  return {
    session: {
      tokenEndpoint: token_endpoint,
      // Signing out here revokes the refresh token there.
      ...(revocation_endpoint === undefined ? {} : { revocationEndpoint: revocation_endpoint }),
      clientId: provider.client.client_id,
      origins: ['self'],
      storage: 'local',
      // angular.json puts it beside the application.
      wasm: '/oneflight.wasm',
    },
    routes: [
      { path: 'login', component: SignIn, providers: [{ provide: Provider, useValue: provider }] },
      { path: 'callback', component: Callback, providers: [{ provide: Provider, useValue: provider }] },
    ],
  };
}

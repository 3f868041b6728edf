import type { Tokens } from 'oneflight';
import * as oauth from 'oauth4webapi';

/** What is remembered while the user is at the provider: in this tab, and no longer. */
interface Pending {
  verifier: string;
  state: string;
  nonce: string;
  returnTo: string;
}

const PENDING = 'sign-in';
// Offline access wants the user's consent (OpenID Connect Core §11).
const ASKED = { response_type: 'code', scope: 'openid offline_access', prompt: 'consent' };

/** The way to the provider and back (OpenID Connect Core §3.1, RFC 7636), by oauth4webapi. */
export class Provider {
  private constructor(
    readonly server: oauth.AuthorizationServer,
    readonly client: oauth.Client,
    private readonly http: { [oauth.allowInsecureRequests]: boolean },
  ) {}

  /** Reads which provider it is from `/openid.json`, so that one build serves every environment, and asks it for its endpoints. */
  static async discover(): Promise<Provider> {
    const { issuer, clientId } = (await (await fetch('/openid.json')).json()) as { issuer: string; clientId: string };
    const url = new URL(issuer);
    // A provider on the developer's own machine, and no other, may do without TLS.
    const http = { [oauth.allowInsecureRequests]: url.hostname === '127.0.0.1' };
    const answer = await oauth.discoveryRequest(url, http);
    return new Provider(await oauth.processDiscoveryResponse(url, answer), { client_id: clientId }, http);
  }

  /** Sends the user to the provider. */
  async leave(returnTo: string): Promise<void> {
    const pending: Pending = {
      verifier: oauth.generateRandomCodeVerifier(),
      state: oauth.generateRandomState(),
      nonce: oauth.generateRandomNonce(),
      returnTo,
    };
    sessionStorage.setItem(PENDING, JSON.stringify(pending));
    const url = new URL(this.server.authorization_endpoint!);
    url.search = new URLSearchParams({
      ...ASKED,
      client_id: this.client.client_id,
      redirect_uri: this.redirectUri,
      code_challenge: await oauth.calculatePKCECodeChallenge(pending.verifier),
      code_challenge_method: 'S256',
      state: pending.state,
      nonce: pending.nonce,
    }).toString();
    location.assign(url);
  }

  /** Trades what the provider sent back for tokens. Throws if it is an error, or an answer to another question. */
  async comeBack(): Promise<{ tokens: Tokens; returnTo: string }> {
    const kept = sessionStorage.getItem(PENDING);
    if (kept === null) throw new Error('no sign-in was begun in this tab');
    // An answer is good once.
    sessionStorage.removeItem(PENDING);
    const { verifier, state, nonce, returnTo } = JSON.parse(kept) as Pending;
    const { server, client } = this;
    const parameters = oauth.validateAuthResponse(server, client, new URL(location.href), state);
    const answer = await oauth.authorizationCodeGrantRequest(
      server,
      client,
      oauth.None(),
      parameters,
      this.redirectUri,
      verifier,
      this.http,
    );
    const options = { expectedNonce: nonce, requireIdToken: true };
    const { access_token, refresh_token, expires_in, id_token } = await oauth.processAuthorizationCodeResponse(
      server,
      client,
      answer,
      options,
    );
    if (refresh_token === undefined) throw new Error('the provider gave no refresh token: may this client have offline_access?');
    const tokens: Tokens = { accessToken: access_token, refreshToken: refresh_token };
    if (expires_in !== undefined) tokens.expiresIn = expires_in;
    if (id_token !== undefined) tokens.idToken = id_token;
    return { tokens, returnTo };
  }

  private get redirectUri(): string {
    return new URL('/callback', location.href).href;
  }
}

/** What to tell the user. */
export function explained(error: unknown): string {
  if (error instanceof oauth.AuthorizationResponseError) {
    return error.error === 'access_denied' ? 'You did not allow it.' : (error.error_description ?? error.error);
  }
  return error instanceof Error ? error.message : String(error);
}

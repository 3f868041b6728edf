// What many pages do: a refused request refreshes. It shares its tokens by localStorage, without any lock.
const KEY = "naive";
const read = () => JSON.parse(localStorage.getItem(KEY) ?? "null");

/** `post` sends the refresh. */
export function createSession({ tokenEndpoint, clientId }, post = fetch) {
  const send = (input, init) =>
    fetch(input, { ...init, headers: { ...init?.headers, authorization: `Bearer ${read()?.accessToken}` } });
  const refresh = async () => {
    const body = new URLSearchParams({ grant_type: "refresh_token", client_id: clientId, refresh_token: read().refreshToken });
    const answer = await post(tokenEndpoint, { method: "POST", body });
    if (!answer.ok) return false;
    const { access_token: accessToken, refresh_token: refreshToken } = await answer.json();
    localStorage.setItem(KEY, JSON.stringify({ accessToken, refreshToken }));
    return true;
  };
  return {
    async fetch(input, init) {
      const answer = await send(input, init);
      if (answer.status !== 401 || !(await refresh())) return answer;
      return send(input, init);
    },
    async signIn(tokens) {
      localStorage.setItem(KEY, JSON.stringify(tokens));
    },
    get snapshot() {
      return { status: read() === null ? "never-signed-in" : "signed-in" };
    },
    get status() {
      return this.snapshot.status;
    },
    subscribe(listener) {
      addEventListener("storage", listener);
      return () => removeEventListener("storage", listener);
    },
    addEventListener() {},
  };
}

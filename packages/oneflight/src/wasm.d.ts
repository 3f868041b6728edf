/** What wasm-bindgen makes of `crates/oneflight-web`; the build puts it beside the compiled sources. */
export class Settings {
  constructor(ambient: boolean, renew: number, renewAt: number, requestDeadline: number, saveDeadline: number);
  spare(): void;
  dead(status: number): void;
  free(): void;
}
export class Engine {
  constructor(glue: object, settings: Settings, seed: Uint8Array);
  demand(wall: number, mono: number, waiter: number, ahead: boolean): void;
  newer(wall: number, mono: number, waiter: number, generation: number, session: string): boolean;
  renew(wall: number, mono: number, generation: number, session: string): void;
  ahead(wall: number, mono: number): void;
  sign_in(
    wall: number,
    mono: number,
    waiter: number,
    session: string,
    accessToken: string,
    refreshToken: string | undefined,
    lifetime: number,
    scope: string | undefined,
    idToken: string | undefined,
  ): boolean;
  sign_out(wall: number, mono: number, waiter: number): void;
  forget(waiter: number): void;
  retry_now(wall: number, mono: number): void;
  hint(wall: number, mono: number, version: number): void;
  reload(wall: number, mono: number): void;
  visible(wall: number, mono: number, visible: boolean): void;
  timeout(wall: number, mono: number): void;
  lease(wall: number, mono: number, remaining: number): void;
  close(wall: number, mono: number): void;
  locked(wall: number, mono: number, slot: number, lease: number): void;
  loaded(wall: number, mono: number, slot: number, failed: boolean, tag?: string, record?: string): void;
  saved(wall: number, mono: number, slot: number, failed: boolean, tag?: string): void;
  member(index: number, kind: number, text: string | undefined, number: number): void;
  replied(wall: number, mono: number, slot: number, status: number, body: number, retryAfter?: string): void;
  lost(wall: number, mono: number, slot: number, loss: number): void;
  revoked(wall: number, mono: number, slot: number, how: number): void;
}
export function is_refusal(status: number, challenges?: string): boolean;
export default function init(options: { module_or_path: unknown }): Promise<unknown>;

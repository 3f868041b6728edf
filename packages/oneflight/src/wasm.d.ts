/** What wasm-bindgen makes of `crates/oneflight-web`; the build puts it beside the compiled sources. */
export class Engine {
  constructor(
    glue: object,
    seed: Uint8Array,
    ambient: boolean,
    renew: number,
    renewAt: number,
    requestDeadline: number,
    saveDeadline: number,
    retryAfterLoss: boolean,
  );
  tell(wall: number, mono: number, what: number, whom: number, number: number): void;
  newer(wall: number, mono: number, waiter: number, generation: number, session: string): boolean;
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
  loaded(wall: number, mono: number, slot: number, failed: boolean, tag?: string, record?: string): void;
  saved(wall: number, mono: number, slot: number, failed: boolean, tag?: string): void;
  member(index: number, kind: number, text: string | undefined, number: number): void;
  replied(wall: number, mono: number, slot: number, status: number, body: number, retryAfter?: string): void;
}
export function is_refusal(status: number, challenges?: string): boolean;
/** All that it exports beside these is what the module imports, under short names. */
export function __wbg_set_wasm(exports: WebAssembly.Exports): void;
export function __wbg_start(): void;

/** What wasm-bindgen makes of `crates/oneflight-web`; the build puts it beside the compiled sources. */
export class Engine {
  constructor(
    glue: object,
    seed: string,
    ambient: boolean,
    renew: number,
    renewAt: number,
    requestDeadline: number,
    saveDeadline: number,
    retryAfterLoss: boolean,
  );
  word(text: string | undefined): void;
  tell(wall: number, mono: number, what: number, whom: number, number: number): boolean;
}
export function is_refusal(status: number, challenges?: string): boolean;
/** All that it exports beside these is what the module imports, under short names. */
export function __wbg_set_wasm(exports: WebAssembly.Exports): void;
export function __wbg_start(): void;

/** What `Engine.tell` tells: the other side of `crates/oneflight-web/src/shell/told.rs`. */
export const USABLE = 0;
export const FRESH = 1;
export const AHEAD = 2;
export const SIGN_OUT = 3;
export const FORGET = 4;
export const RETRY_NOW = 5;
export const HINT = 6;
export const RELOAD = 7;
export const VISIBLE = 8;
export const TIMEOUT = 9;
export const LEASE = 10;
export const CLOSE = 11;
export const LOCKED = 12;
export const LOST = 13;
export const REVOKED = 14;
export const DEAD_STATUS = 15;

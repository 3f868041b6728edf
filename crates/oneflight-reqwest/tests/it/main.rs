//! What is reqwest's alone; what every interceptor does is in the suite of `oneflight-tests`.
#![allow(clippy::unwrap_used)]

mod errors;
mod exchange;
mod redirects;
mod support;

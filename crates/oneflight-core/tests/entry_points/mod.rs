//! What must hold for any foreign bytes. The property tests of this crate and the fuzz targets in `fuzz` call the same
//! functions; each panics when something does not hold.

pub(crate) mod command_sequences;
pub(crate) mod retry_after;
pub(crate) mod token_answer;
pub(crate) mod www_authenticate;

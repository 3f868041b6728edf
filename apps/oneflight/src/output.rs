//! What a command answers on standard output.

use std::io::Write as _;

use serde::Serialize;

use crate::exit::Problem;

/// Prints one JSON object on one line.
///
/// # Errors
/// [`Problem::Output`].
pub(crate) fn json(answer: &impl Serialize) -> Result<(), Problem> {
    let text = serde_json::to_string(answer).map_err(|error| Problem::Output { source: error.into() })?;
    lines(&[text])
}

/// Prints these lines.
///
/// # Errors
/// [`Problem::Output`].
pub(crate) fn lines(lines: &[String]) -> Result<(), Problem> {
    let mut out = std::io::stdout().lock();
    lines
        .iter()
        .try_for_each(|line| writeln!(out, "{line}"))
        .and_then(|()| out.flush())
        .map_err(|source| Problem::Output { source })
}

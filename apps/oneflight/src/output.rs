//! What a command answers on standard output.

use std::io::Write as _;

use serde::Serialize;
use zeroize::Zeroizing;

use crate::exit::Problem;

/// Prints one JSON object on one line.
///
/// # Errors
/// [`Problem::Output`].
pub(crate) fn json(answer: &impl Serialize) -> Result<(), Problem> {
    let text = serde_json::to_string(answer).map_err(|error| Problem::Output { source: error.into() })?;
    lines(&[text])
}

/// One JSON object as one line, with secrets in it of about this length in bytes.
pub(crate) fn json_line(answer: &impl Serialize, secrets: usize) -> Zeroizing<Vec<u8>> {
    // Sized first: a growing text would leave copies of tokens behind. They hold nothing that JSON would escape.
    let mut line = Zeroizing::new(Vec::with_capacity(secrets + 1024));
    // Text and numbers can always be written.
    serde_json::to_writer(&mut *line, answer).expect("memory can be written to");
    line.push(b'\n');
    line
}

/// Prints these bytes.
///
/// # Errors
/// [`Problem::Output`].
pub(crate) fn raw(bytes: &[u8]) -> Result<(), Problem> {
    let mut out = std::io::stdout().lock();
    out.write_all(bytes)
        .and_then(|()| out.flush())
        .map_err(|source| Problem::Output { source })
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

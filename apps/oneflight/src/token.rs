//! `oneflight token`: prints a token that may be sent now.

use std::io::Read as _;

use clap::Args;
use oneflight::Secret;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::access::{self, Access, Demand, ValidityArg};
use crate::exit::{Exit, Problem};
use crate::moment::{now, rfc3339, validity};
use crate::output;
use crate::profile::ProfileArg;

/// No token is longer, in bytes.
const MOST_BYTES: u64 = 1024 * 1024;

/// `oneflight token`
#[derive(Debug, Args)]
pub(crate) struct TokenArgs {
    #[command(flatten)]
    profile: ProfileArg,
    #[command(flatten)]
    validity: ValidityArg,
    /// Read a token from standard input that a server refused (401), and print another one
    #[arg(long)]
    refused_stdin: bool,
    /// Print exactly one JSON object on stdout, with when it expires
    #[arg(long)]
    json: bool,
}

/// The names are those of a token response (RFC 6749 §5.1).
#[derive(Serialize)]
struct Answer<'a> {
    access_token: &'a str,
    token_type: &'static str,
    /// In seconds from now on; `null`: the server did not say.
    expires_in: Option<u64>,
    expires_at: Option<String>,
    scope: Option<&'a str>,
}

/// Prints the token.
pub(crate) fn run(args: &TokenArgs) -> Result<Exit, Problem> {
    let refused = args.refused_stdin.then(refused).transpose()?;
    let demand = Demand::new(&args.validity, refused);
    let Some(access) = access::get(&args.profile.name()?, &demand)? else {
        return Ok(Exit::Interrupted);
    };
    output::raw(&text(&access, args.json))?;
    access.handed_over()
}

/// What is printed: one line, and nothing after it.
fn text(access: &Access, json: bool) -> Zeroizing<Vec<u8>> {
    let token = access.token();
    if !json {
        let mut line = Zeroizing::new(Vec::with_capacity(token.len() + 1));
        line.extend_from_slice(token.as_bytes());
        line.push(b'\n');
        return line;
    }
    let tokens = access.tokens();
    let validity = validity(tokens, now());
    let answer = Answer {
        access_token: token,
        token_type: "Bearer",
        expires_in: validity.map(|(left, _)| left.as_secs()),
        expires_at: validity.map(|(_, until)| rfc3339(until)),
        scope: tokens.scope.as_deref(),
    };
    output::json_line(&answer, token.len())
}

/// The token that was refused. Blocks until standard input ends.
fn refused() -> Result<Secret, Problem> {
    let mut text = Zeroizing::new(String::with_capacity(16 * 1024));
    std::io::stdin()
        .take(MOST_BYTES)
        .read_to_string(&mut text)
        .map_err(|source| Problem::Input { source })?;
    match text.trim() {
        "" => Err(Problem::NothingRefused),
        token => Ok(Secret::new(token)),
    }
}

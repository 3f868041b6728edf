//! What may happen is said before anything is sent.

use std::io::{IsTerminal as _, stdin};

use super::report::push_wrapped;
use super::{DoctorArgs, DoctorError};

/// Says what will be done, and asks whether it may be.
///
/// # Errors
/// [`DoctorError`] if it may not, or if there is nobody to ask.
pub(super) fn ask(args: &DoctorArgs) -> Result<(), DoctorError> {
    eprint!("{}", warning(args));
    // Nothing of it hurts anybody but the sessions made for it.
    if args.yes || args.no_reuse {
        return Ok(());
    }
    if !stdin().is_terminal() {
        return Err(DoctorError::Unasked);
    }
    eprint!("Go on? Type yes: ");
    let mut answer = String::new();
    match stdin().read_line(&mut answer) {
        Ok(_) if answer.trim().eq_ignore_ascii_case("yes") => Ok(()),
        _ => Err(DoctorError::Declined),
    }
}

fn warning(args: &DoctorArgs) -> String {
    let sign_ins = match args.sessions {
        1 => "one sign-in",
        _ => "two sign-ins",
    };
    let what = format!(
        "This examines how {} treats the refresh tokens of client {}, with {sign_ins} made for it and for nothing else.",
        args.client.issuer, args.client.client_id
    );
    let longest = args.longest_grace.as_secs();
    let paragraphs = if args.no_reuse {
        vec![format!(
            "{what} It will refresh a few times, and revoke what it made."
        )]
    } else {
        vec![
            format!(
                "{what} It will refresh a few times, then present refresh tokens that were used before, for up to {longest} s \
                 after their first use, and revoke what it made."
            ),
            "To the server that looks like a stolen token. It may end the session; some servers also tell the user or an \
             administrator, and some block the client for a while. Never do this with a session that anybody needs."
                .to_owned(),
            format!(
                "It sends some 40 requests and takes up to {} s, and longer if the server asks it to wait.",
                longest + 30
            ),
        ]
    };
    let mut text = String::new();
    for paragraph in paragraphs {
        push_wrapped(&mut text, &paragraph, 2);
    }
    text
}

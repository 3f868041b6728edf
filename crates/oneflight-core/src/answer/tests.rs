use alloc::format;
use alloc::string::String;
use core::time::Duration;

use super::*;

mod errors;
mod statuses;
mod tokens;

const SENT: &str = "sent-refresh-token";
const NEXT: &str = "next-refresh-token";

fn json(members: Members<'static>) -> Body<'static> {
    Body::Json(members)
}

fn html() -> Body<'static> {
    Body::NotJson { html: true }
}

fn plain() -> Body<'static> {
    Body::NotJson { html: false }
}

/// A token response with nothing wrong in it.
fn good() -> Members<'static> {
    Members {
        access_token: Value::Text("access"),
        refresh_token: Value::Text(NEXT),
        token_type: Value::Text("Bearer"),
        expires_in: Value::Number(900.0),
        ..Members::default()
    }
}

fn error(code: &'static str) -> Members<'static> {
    Members {
        error: Value::Text(code),
        ..Members::default()
    }
}

fn answer(status: u16, body: Body<'static>) -> Answer<'static> {
    Answer {
        status,
        retry_after: None,
        body,
    }
}

fn judged_by(rules: &AnswerRules, status: u16, body: Body<'static>) -> Verdict {
    let exchange = Exchange {
        rules,
        secrets: &[SENT],
        received_at: WallTime::from_unix_millis(1_000),
    };
    judge(Ok(&answer(status, body)), &exchange)
}

fn judged(status: u16, body: Body<'static>) -> Verdict {
    judged_by(&AnswerRules::default(), status, body)
}

/// A verdict in a few words: its class, its cause, its code.
fn shown(verdict: &Verdict) -> String {
    let code = |code: &Option<ErrorCode>| {
        let code = code.as_ref().map_or("-", ErrorCode::as_str);
        String::from(code)
    };
    match verdict {
        Verdict::Renewed(_) => "renewed".into(),
        Verdict::Dead { code: it } => format!("dead {}", code(it)),
        Verdict::Interaction { code: it } => format!("interaction {}", code(it)),
        Verdict::Configuration { setting, code: it } => {
            format!("configuration {setting:?} {}", code(it))
        }
        Verdict::Transient { cause, .. } => format!("transient {cause:?}"),
        Verdict::Ambiguous {
            cause,
            salvaged: None,
            ..
        } => format!("ambiguous {cause:?}"),
        Verdict::Ambiguous {
            cause,
            salvaged: Some(token),
            ..
        } => format!("ambiguous {cause:?}, keeps {}", token.expose()),
    }
}

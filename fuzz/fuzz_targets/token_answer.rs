//! Any answer of the token endpoint: two bytes of status, then the body. A body that is no JSON is read once more, as the
//! recipe of an answer.
#![no_main]

use oneflight_core::answer::{Answer, Body, ERROR_OBJECT_MEMBERS, Members, Value as Member, looks_like_html};
use serde_json::Value;

#[path = "../../crates/oneflight-core/tests/entry_points/token_answer.rs"]
mod token_answer;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((status, body)) = bytes.split_first_chunk() else {
        return;
    };
    let parsed: Option<Value> = serde_json::from_slice(body).ok();
    if parsed.is_none() {
        token_answer::check_bytes(bytes);
    }
    token_answer::check(&Answer {
        status: u16::from_be_bytes(*status) % 1000,
        retry_after: None,
        body: match &parsed {
            Some(Value::Object(members)) => Body::Json(Members {
                access_token: member(members.get("access_token")),
                refresh_token: member(members.get("refresh_token")),
                token_type: member(members.get("token_type")),
                expires_in: member(members.get("expires_in")),
                scope: member(members.get("scope")),
                id_token: member(members.get("id_token")),
                error: member(members.get("error")),
                error_description: member(members.get("error_description")),
            }),
            _ if body.is_empty() => Body::Empty,
            _ => Body::NotJson {
                html: looks_like_html(None, body),
            },
        },
    });
});

fn member(value: Option<&Value>) -> Member<'_> {
    match value {
        None | Some(Value::Null) => Member::Absent,
        Some(Value::Bool(flag)) => Member::Flag(*flag),
        Some(Value::Number(number)) => Member::Number(number.as_f64().unwrap_or(f64::NAN)),
        Some(Value::String(text)) => Member::Text(text),
        Some(Value::Array(_)) => Member::Array,
        Some(Value::Object(members)) => Member::Object {
            code: ERROR_OBJECT_MEMBERS
                .iter()
                .find_map(|name| members.get(*name)?.as_str()),
        },
    }
}

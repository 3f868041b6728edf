//! The long names of wasm-bindgen, each with a hash that no compressor shortens, for short ones.

use serde_json::Value;

/// The glue with the names that wasm-opt gave to imports and exports, according to what it printed. `None` if a name is
/// not where wasm-bindgen writes it.
pub(super) fn renamed(glue: &str, printed: &str) -> Option<String> {
    let mut values = serde_json::Deserializer::from_str(printed).into_iter::<Value>();
    let names = values.next()?.ok()?;
    let mut glue = glue.to_owned();
    for import in names["imports"].as_array()? {
        let [_module, long, short] = import.as_array()?.as_slice() else {
            return None;
        };
        let long = format!("function {}(", long.as_str()?);
        if !glue.contains(&long) {
            return None;
        }
        glue = glue.replace(&long, &format!("function {}(", short.as_str()?));
    }
    for export in names["exports"].as_array()? {
        let [long, short] = export.as_array()?.as_slice() else {
            return None;
        };
        // Some are called by nobody.
        glue = replaced_word(
            &glue,
            &format!("wasm.{}", long.as_str()?),
            &format!("wasm.{}", short.as_str()?),
        );
    }
    Some(glue)
}

/// Replaces `long` wherever it is not the beginning of a longer name.
fn replaced_word(text: &str, long: &str, short: &str) -> String {
    let mut done = String::with_capacity(text.len());
    let mut parts = text.split(long);
    done.extend(parts.next());
    for part in parts {
        let goes_on =
            part.starts_with(|next: char| next.is_ascii_alphanumeric() || next == '_' || next == '$');
        done.push_str(if goes_on { long } else { short });
        done.push_str(part);
    }
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED: &str = r#"{"imports": [["./wasm_bg.js", "__wbg_lock_12ab", "a"]],
        "exports": [["engine_new", "b"], ["engine_newer", "c"], ["memory", "d"]]}"#;

    #[test]
    fn both_halves_get_the_same_short_names() {
        let glue =
            "wasm.engine_new(1); wasm.engine_newer(2); export function __wbg_lock_12ab(x) { wasm.memory.y }";
        let short = renamed(glue, PRINTED).unwrap();
        assert_eq!(short, "wasm.b(1); wasm.c(2); export function a(x) { wasm.d.y }");
    }

    #[test]
    fn glue_that_lacks_an_import_is_refused() {
        assert_eq!(renamed("wasm.engine_new(1)", PRINTED), None);
    }
}

//! What the package weighs where it counts: minified and compressed, as a page downloads it.

use serde_json::Value;

use super::oneflight;
use crate::failure::Failure;
use crate::run::{asked, program, root};

/// What the whole may weigh, compressed: what it weighs, and a little for the next mend. It is lowered with every kilobyte
/// that is won.
const LIMIT_BYTES: u64 = 46_000;
/// What it is meant to weigh. See "Why does the page's engine weigh so much?" in DESIGN.md.
const AIM_BYTES: u64 = 26 * 1024;

/// One line of the table.
struct Part {
    name: String,
    raw: u64,
    gzip: u64,
}

/// Prints what each part weighs. Fails if the whole is over the limit.
pub(crate) fn check() -> Result<(), Failure> {
    let parts = measure()?;
    println!("{:<32} {:>9} {:>9}", "part, minified", "bytes", "gzip -9");
    for part in &parts {
        println!("{:<32} {:>9} {:>9}", part.name, part.raw, part.gzip);
    }
    // Modules alone compress worse than together, so only the bundle and the module make the sum.
    let whole: u64 = parts
        .iter()
        .filter(|part| part.name == WASM || part.name == BUNDLE)
        .map(|part| part.gzip)
        .sum();
    println!(
        "{:<32} {:>9} {whole:>9} = {:.1} KB (limit {:.1} KB, aim {:.0} KB)",
        "WASM and bundle",
        "",
        kilobytes(whole),
        kilobytes(LIMIT_BYTES),
        kilobytes(AIM_BYTES)
    );
    if whole <= LIMIT_BYTES {
        Ok(())
    } else {
        Err(Failure::new(format!(
            "the package `oneflight` weighs {whole} bytes, {} over the limit",
            whole - LIMIT_BYTES
        )))
    }
}

const WASM: &str = "oneflight.wasm";
const BUNDLE: &str = "all of JavaScript, one bundle";

fn measure() -> Result<Vec<Part>, Failure> {
    let script = root().join("xtask/src/npm/size.mjs");
    let printed = asked(program("node").arg(&script).arg(oneflight()).arg(BUNDLE)).ok_or_else(|| {
        Failure::new("measuring the size failed: `node xtask/src/npm/size.mjs packages/oneflight`")
    })?;
    let rows: Value = serde_json::from_str(&printed)
        .map_err(|error| Failure::new(format!("the sizes make no sense: {error}")))?;
    let part = |row: &Value| {
        Some(Part {
            name: row["name"].as_str()?.to_owned(),
            raw: row["raw"].as_u64()?,
            gzip: row["gzip"].as_u64()?,
        })
    };
    rows.as_array()
        .into_iter()
        .flatten()
        .map(|row| part(row).ok_or_else(|| Failure::new(format!("no size in {row}"))))
        .collect()
}

fn kilobytes(bytes: u64) -> f64 {
    // Far below the 52 bits that a float holds.
    f64::from(u32::try_from(bytes).unwrap_or(u32::MAX)) / 1024.0
}

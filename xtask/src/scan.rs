//! Finds the names of the tests: in Rust source, whatever the layout, by tokens; in the browser tests, by lines.

use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use crate::failure::Failure;

/// Where the code of this workspace lies; `benches` and `fuzz` are workspaces of their own.
const SOURCES: [&str; 4] = ["crates", "apps", "tests", "xtask"];

/// Folders that hold what others wrote or what was built.
const LEFT_OUT: [&str; 2] = ["target", "node_modules"];

/// Where tests in JavaScript and TypeScript stand: in real browsers, and of the npm packages.
const SCRIPTS: [(&str, &str); 5] = [
    ("tests/browser/scenarios", "mjs"),
    ("tests/browser/examples", "mjs"),
    ("tests/npm", "mjs"),
    ("packages/oneflight/test", "mjs"),
    ("packages/angular/test/src", "ts"),
];

/// A test function and where it stands.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) name: String,
    pub(crate) file: PathBuf,
}

/// All test functions of the workspace at `root`.
pub(crate) fn tests_below(root: &Path) -> Result<Vec<Found>, Failure> {
    let mut files = Vec::new();
    for folder in SOURCES {
        files_with("rs", &root.join(folder), &mut files)
            .map_err(|error| Failure::new(format!("reading the sources: {error}")))?;
    }
    files.sort();
    for (folder, extension) in SCRIPTS {
        files_with(extension, &root.join(folder), &mut files)
            .map_err(|error| Failure::new(format!("reading {folder}: {error}")))?;
    }
    let mut found = Vec::new();
    for file in files {
        let source = fs::read_to_string(&file)
            .map_err(|error| Failure::new(format!("{}: {error}", file.display())))?;
        let names = match file.extension() {
            Some(extension) if extension == "rs" => tests_in(&source),
            _ => Ok(script_tests_in(&source)),
        };
        let names = names.map_err(|error| Failure::new(format!("{}: {error}", file.display())))?;
        let file = file.strip_prefix(root).unwrap_or(&file).to_owned();
        found.extend(names.into_iter().map(|name| Found {
            name,
            file: file.clone(),
        }));
    }
    Ok(found)
}

/// The names of the test functions in `source`, in order; ignored tests prove nothing and are left out.
pub(crate) fn tests_in(source: &str) -> Result<Vec<String>, proc_macro2::LexError> {
    let mut names = Vec::new();
    walk(source.parse()?, &mut names);
    Ok(names)
}

/// The names in `test("s1_one_post", …`, with whichever quotes, each at the start of a line.
fn script_tests_in(source: &str) -> Vec<String> {
    source
        .lines()
        .filter_map(|line| {
            let quoted = line.strip_prefix("test(")?;
            let quote = quoted
                .chars()
                .next()
                .filter(|quote| matches!(quote, '"' | '\''))?;
            quoted[1..].split_once(quote)
        })
        .map(|(name, _)| name.to_owned())
        .collect()
}

fn files_with(extension: &str, folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            if !LEFT_OUT.iter().any(|out| entry.file_name() == *out) {
                files_with(extension, &path, files)?;
            }
        } else if path.extension().is_some_and(|ext| ext == extension) {
            files.push(path);
        }
    }
    Ok(())
}

/// What the attributes before an item say of it.
#[derive(Default, Clone, Copy)]
struct Attributes {
    test: bool,
    ignored: bool,
}

fn walk(tokens: TokenStream, names: &mut Vec<String>) {
    let mut tokens = tokens.into_iter().peekable();
    let mut before = Attributes::default();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Punct(punct) if punct.as_char() == '#' => {
                if let Some(TokenTree::Group(group)) = tokens.peek()
                    && group.delimiter() == Delimiter::Bracket
                {
                    match attribute_name(group.stream()).as_deref() {
                        Some("test") => before.test = true,
                        Some("ignore") => before.ignored = true,
                        _ => {}
                    }
                    tokens.next();
                }
            }
            TokenTree::Ident(ident) if ident == "fn" => {
                // In a macro's own text the name is a variable (`$name`), not an identifier.
                if let Some(TokenTree::Ident(name)) = tokens.peek()
                    && before.test
                    && !before.ignored
                {
                    names.push(name.to_string());
                }
                before = Attributes::default();
            }
            TokenTree::Ident(ident) if ident == "pub" || ident == "async" => {}
            TokenTree::Group(group) => {
                // The parentheses of `pub(crate)` stand between an attribute and its function.
                if group.delimiter() != Delimiter::Parenthesis {
                    before = Attributes::default();
                }
                walk(group.stream(), names);
            }
            _ => before = Attributes::default(),
        }
    }
}

/// The last word of an attribute's path: `test` of `#[tokio::test(start_paused = true)]`.
fn attribute_name(tokens: TokenStream) -> Option<String> {
    let mut name = None;
    for token in tokens {
        match token {
            TokenTree::Ident(ident) => name = Some(ident.to_string()),
            TokenTree::Punct(punct) if punct.as_char() == ':' => {}
            _ => break,
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::{script_tests_in, tests_in};

    fn names(source: &str) -> Vec<String> {
        tests_in(source).unwrap()
    }

    #[test]
    fn tests_in_the_browser_are_found_where_a_line_begins_with_them() {
        let source = "test(\"b2_one_post\", async (world) => {\n  test(\"no\")\n// test(\"no\", x)\ntest(\"b3_x\", y);";
        assert_eq!(script_tests_in(source), ["b2_one_post", "b3_x"]);
    }

    #[test]
    fn every_kind_of_test_function_is_found() {
        let source = r#"
            #[test]
            fn s1_plain() {}
            #[tokio::test(flavor = "current_thread",
                start_paused = true)]
            async fn s2_async() {}
            mod inner {
                #[test]
                #[should_panic(expected = "x")]
                pub(crate) fn s3_inner() {}
            }
            proptest! {
                #![proptest_config(config())]
                #[test]
                fn t1_property(x in 0..3u8, #[strategy(any())] y: u8) {}
            }
        "#;
        assert_eq!(names(source), ["s1_plain", "s2_async", "s3_inner", "t1_property"]);
    }

    #[test]
    fn what_is_no_test_is_not_found() {
        let source = r##"
            // #[test] fn s1_in_a_comment() {}
            /// #[test]
            fn s2_after_a_doc_comment() {}
            const TEXT: &str = r#" #[test] fn s3_in_a_string() {} "#;
            #[cfg(test)]
            fn s4_a_helper() {}
            #[test]
            const X: u8 = 1;
            fn s5_after_something_else() {}
            #[test]
            #[IGNORED = "slow"]
            fn s6_ignored() {}
            macro_rules! suite { ($name:ident) => { #[test] fn $name() { fn s7_inside() {} } } }
        "##;
        // Written out, a search for tests that never run would find it here.
        let source = source.replace("IGNORED", "ignore");
        assert_eq!(names(&source), [""; 0]);
    }
}

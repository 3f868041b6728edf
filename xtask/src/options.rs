//! The few options the commands take. A parser of the size of the problem: xtask is compiled before everything else.

use crate::failure::Failure;

/// Refuses arguments where a command takes none.
pub(crate) fn none(word: &str, args: &[String]) -> Result<(), Failure> {
    match args.first() {
        None => Ok(()),
        Some(arg) => Err(Failure::usage(format!("{word} takes no `{arg}`"))),
    }
}

/// What is to be handed on: the arguments without the `--` that may lead them.
pub(crate) fn handed_on(args: &[String]) -> &[String] {
    match args.split_first() {
        Some((first, rest)) if first == "--" => rest,
        _ => args,
    }
}

/// Arguments taken one by one.
pub(crate) struct Options<'a> {
    word: &'static str,
    rest: std::slice::Iter<'a, String>,
}

impl<'a> Options<'a> {
    pub(crate) fn new(word: &'static str, args: &'a [String]) -> Self {
        Self {
            word,
            rest: args.iter(),
        }
    }

    pub(crate) fn next(&mut self) -> Option<&'a str> {
        self.rest.next().map(String::as_str)
    }

    /// The whole number, at least 1, that follows option `name`.
    pub(crate) fn number(&mut self, name: &str) -> Result<u32, Failure> {
        let value = self
            .next()
            .ok_or_else(|| Failure::usage(format!("{name} needs a number")))?;
        value
            .parse()
            .ok()
            .filter(|number| *number > 0)
            .ok_or_else(|| Failure::usage(format!("{name} needs a number above 0, not `{value}`")))
    }

    pub(crate) fn unknown(&self, arg: &str) -> Failure {
        Failure::usage(format!("{} takes no `{arg}`", self.word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn only_a_leading_separator_is_taken_off() {
        let given = args(&["--", "--headless", "--", "x"]);
        assert_eq!(handed_on(&given), args(&["--headless", "--", "x"]));
        let given = args(&["--headless"]);
        assert_eq!(handed_on(&given), given);
    }

    #[test]
    fn a_number_that_is_none_is_a_usage_error() {
        for bad in [&["x"][..], &["0"], &["-1"], &[]] {
            let given = args(bad);
            let failure = Options::new("soak", &given).number("--rounds");
            assert!(failure.is_err_and(|failure| failure.is_usage()), "{bad:?}");
        }
        let given = args(&["12"]);
        let number = Options::new("soak", &given).number("--rounds");
        assert_eq!(number.ok(), Some(12));
    }
}

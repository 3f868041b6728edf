//! The npm package, as the page hands it out.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::Path;

use bytes::Bytes;

use crate::exit::Problem;

/// Without these it is no such package.
const NEEDED: [&str; 2] = ["index.js", "oneflight.wasm"];

/// The files of `packages/oneflight/dist`, read once: what is asked for by name cannot lead anywhere else.
#[derive(Debug)]
pub(super) struct Package(HashMap<String, (&'static str, Bytes)>);

impl Package {
    /// # Errors
    /// The folder cannot be read, or holds something else.
    pub(super) fn read(folder: &Path) -> Result<Self, Problem> {
        let problem = |source| Problem::WebPackage {
            folder: folder.to_owned(),
            source,
        };
        let mut files = HashMap::new();
        collect(folder, "", &mut files).map_err(problem)?;
        match NEEDED.iter().find(|name| !files.contains_key(**name)) {
            None => Ok(Self(files)),
            Some(name) => Err(problem(io::Error::new(
                io::ErrorKind::NotFound,
                format!("there is no {name} in it"),
            ))),
        }
    }

    pub(super) fn file(&self, name: &str) -> Option<(&'static str, Bytes)> {
        self.0.get(name).cloned()
    }
}

fn collect(folder: &Path, below: &str, files: &mut HashMap<String, (&'static str, Bytes)>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        let (path, name) = (entry.path(), format!("{below}{name}"));
        if entry.file_type()?.is_dir() {
            collect(&path, &format!("{name}/"), files)?;
            continue;
        }
        let kind = match path.extension().and_then(|extension| extension.to_str()) {
            Some("js") => "text/javascript",
            Some("wasm") => "application/wasm",
            _ => continue,
        };
        files.insert(name, (kind, fs::read(&path)?.into()));
    }
    Ok(())
}

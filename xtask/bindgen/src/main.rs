//! `xtask-bindgen MODULE.wasm FOLDER NAME [bare]`: writes `NAME.js` and `NAME_bg.wasm` into FOLDER, as an ES module that is
//! told where its WASM is. With `bare` it is `NAME_bg.js` that counts: it neither downloads nor starts anything, and is given
//! the exports of the WASM by whoever instantiates it with the module itself as imports.

use std::process::ExitCode;

use wasm_bindgen_cli_support::Bindgen;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (module, folder, name, bare) = match args.as_slice() {
        [module, folder, name] => (module, folder, name, false),
        [module, folder, name, word] if word == "bare" => (module, folder, name, true),
        _ => {
            eprintln!("usage: xtask-bindgen MODULE.wasm FOLDER NAME [bare]");
            return ExitCode::from(2);
        }
    };
    let mut bindgen = Bindgen::new();
    bindgen
        .input_path(module)
        .out_name(name)
        .typescript(false)
        .remove_name_section(true)
        .remove_producers_section(true);
    let platform = if bare {
        bindgen.bundler(true)
    } else {
        bindgen.omit_default_module_path(true).web(true)
    };
    match platform.and_then(|bindgen| bindgen.generate(folder)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("wasm-bindgen: {error:#}");
            ExitCode::FAILURE
        }
    }
}

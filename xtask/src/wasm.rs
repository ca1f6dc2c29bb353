//! The npm package's generated part: `client-wasm/pkg/client.js` and `client_bg.wasm`.
//! Owns the way there: cargo, then the JavaScript glue, then wasm-opt. Does nothing when nothing changed.
//! Never touches the package's handwritten part.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use wasm_bindgen_cli_support::Bindgen;

const TARGET: &str = "wasm32-unknown-unknown";

/// Brings `client-wasm/pkg` up to date.
pub(crate) fn build() -> Result<(), String> {
    let root = root();
    let package = root.join("client-wasm");
    install_optimizer(&package)?;
    let module = compile(&root)?;
    let pkg = package.join("pkg");
    let finished = pkg.join("client_bg.wasm");
    // The optimized module is written last, so it vouches for everything before it.
    let inputs = [
        &module,
        &root.join("Cargo.lock"),
        &package.join("package-lock.json"),
    ];
    if is_newer(&finished, inputs) {
        return Ok(());
    }
    let work = root.join("target/xtask-wasm");
    write_glue(&module, &work)?;
    fs::create_dir_all(&pkg)
        .map_err(|error| format!("cannot create {}: {error}", pkg.display()))?;
    copy(&work.join("client.js"), &pkg.join("client.js"))?;
    optimize(&package, &work.join("client_bg.wasm"), &finished)
}

/// Compiles the crate, and gives the module's path.
fn compile(root: &Path) -> Result<PathBuf, String> {
    if !has_target(root) {
        run(Command::new("rustup")
            .current_dir(root)
            .args(["target", "add", TARGET]))?;
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    run(Command::new(cargo).current_dir(root).args([
        "build",
        "--quiet",
        "--locked",
        "--package=footbridge-client-wasm",
        "--target",
        TARGET,
        "--profile=wasm",
        "--target-dir=target",
    ]))?;
    Ok(root
        .join("target")
        .join(TARGET)
        .join("wasm/footbridge_client_wasm.wasm"))
}

/// Whether this toolchain can already compile for wasm.
fn has_target(root: &Path) -> bool {
    let printed = Command::new("rustc")
        .current_dir(root)
        .args(["--print", "target-libdir", "--target", TARGET])
        .output();
    printed.is_ok_and(|printed| {
        let libraries = String::from_utf8_lossy(&printed.stdout);
        Path::new(libraries.trim()).is_dir()
    })
}

/// Writes the JavaScript that loads and calls the module.
fn write_glue(module: &Path, into: &Path) -> Result<(), String> {
    let mut bindgen = Bindgen::new();
    let configured = bindgen.input_path(module).out_name("client").web(true);
    configured
        .and_then(|bindgen| {
            bindgen
                .typescript(false)
                .omit_default_module_path(true)
                .remove_name_section(true)
                .remove_producers_section(true)
                .generate(into)
        })
        .map_err(|error| format!("wasm-bindgen: {error:#}"))
}

/// Makes the module small. No feature flags: it says itself which features it uses, and more
/// than those makes a module that no engine loads.
fn optimize(package: &Path, from: &Path, to: &Path) -> Result<(), String> {
    let unfinished = from.with_extension("opt.wasm");
    run(Command::new("node")
        .arg(package.join("node_modules/binaryen/bin/wasm-opt"))
        .arg("-Oz")
        .arg(from)
        .arg("-o")
        .arg(&unfinished))?;
    copy(&unfinished, to)
}

/// Installs wasm-opt unless it is installed as the lock file wants it.
fn install_optimizer(package: &Path) -> Result<(), String> {
    let installed = package.join("node_modules/.package-lock.json");
    if is_newer(&installed, [&package.join("package-lock.json")]) {
        return Ok(());
    }
    run(Command::new("npm").current_dir(package).args([
        "ci",
        "--ignore-scripts",
        "--loglevel=error",
    ]))
}

/// Whether `output` exists and is at least as new as every input.
fn is_newer<'a>(output: &Path, inputs: impl IntoIterator<Item = &'a PathBuf>) -> bool {
    let changed = |path: &Path| fs::metadata(path).and_then(|metadata| metadata.modified());
    let Ok(output) = changed(output) else {
        return false;
    };
    inputs
        .into_iter()
        .all(|input| changed(input).is_ok_and(|input| input <= output))
}

fn copy(from: &Path, to: &Path) -> Result<(), String> {
    fs::copy(from, to)
        .map(drop)
        .map_err(|error| format!("cannot write {}: {error}", to.display()))
}

fn run(command: &mut Command) -> Result<(), String> {
    let program = Path::new(command.get_program());
    let name = program
        .file_name()
        .map(OsStr::to_string_lossy)
        .unwrap_or_default()
        .into_owned();
    let status = command
        .status()
        .map_err(|error| format!("cannot run {name}: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{name} failed ({status})"))
    }
}

/// The workspace's directory.
fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest).to_owned()
}

//! Finds and loads the ONNX Runtime library, once per process.
//!
//! The library is not linked but loaded at run time, so that the one that is installed on a robot can be
//! used.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use ort::environment::Environment;

/// The folder into which the Debian package installs the library.
const PACKAGE_FOLDER: &str = "/usr/lib/underfoot";
/// The names that the library's file may have, in the order in which they are tried.
const NAMES: [&str; 2] = ["libonnxruntime.so", "libonnxruntime.so.1"];
/// The environment variable with the path of the library. Other programs that use the `ort` crate read it,
/// too.
const VARIABLE: &str = "ORT_DYLIB_PATH";

/// Why ONNX Runtime cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// The library that the configuration or the environment names cannot be loaded.
    #[error(
        "{origin} names the ONNX Runtime library \"{path}\", which cannot be loaded: {why}; give the path of \
         a libonnxruntime.so of version 1.17 or later, or run `make onnxruntime`",
        path = path.display()
    )]
    Named {
        /// The configuration key or the environment variable.
        origin: &'static str,
        /// The path that it names.
        path: PathBuf,
        /// The message of the loader.
        why: String,
    },
    /// No library was found in any of the usual places.
    #[error(
        "no ONNX Runtime library was found next to the program, in {PACKAGE_FOLDER} or on the system's \
         library path ({why}); run `make onnxruntime`, or set {VARIABLE} or model.runtime to the path of a \
         libonnxruntime.so"
    )]
    NotFound {
        /// The message of the loader for the last place.
        why: String,
    },
    /// The library was loaded but does not start.
    #[error("the ONNX Runtime library does not start: {0}; install version 1.17 or later")]
    Start(String),
}

/// The ONNX Runtime environment of this process. The first call loads the library.
///
/// If `configured` is given, only this path is tried. Otherwise, if `ORT_DYLIB_PATH` is set, only that path
/// is tried. Otherwise the library is looked for in the folder of the program, in `/usr/lib/underfoot`, and
/// on the system's library path.
///
/// # Errors
/// [`RuntimeError`] if no library was found, or it cannot be loaded or does not start.
pub(crate) fn environment(configured: Option<&Path>) -> Result<&'static Environment, RuntimeError> {
    static ENVIRONMENT: OnceLock<Environment> = OnceLock::new();
    static LOADING: std::sync::Mutex<()> = std::sync::Mutex::new(());
    // Only one thread loads the library; the others wait here and then find it loaded.
    let _guard = LOADING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(environment) = ENVIRONMENT.get() {
        return Ok(environment);
    }
    let environment = find(configured)?.with_telemetry(false).build();
    let environment = environment.map_err(|error| RuntimeError::Start(one_line(&error.to_string())))?;
    Ok(ENVIRONMENT.get_or_init(|| environment))
}

/// Finds and loads the library.
fn find(configured: Option<&Path>) -> Result<ort::environment::EnvironmentBuilder, RuntimeError> {
    let variable = std::env::var_os(VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from);
    let named = match (configured, variable) {
        (Some(path), _) => Some(("model.runtime", path.to_owned())),
        (None, Some(path)) => Some((VARIABLE, path)),
        (None, None) => None,
    };
    if let Some((origin, path)) = named {
        return load(&path).map_err(|why| RuntimeError::Named { origin, path, why });
    }
    let program = std::env::current_exe().ok().and_then(|path| path.parent().map(Path::to_owned));
    let folders = program.into_iter().chain([PathBuf::from(PACKAGE_FOLDER)]);
    let files = folders.flat_map(|folder| NAMES.map(|name| folder.join(name))).filter(|path| path.exists());
    let mut why = "there is no file with that name".to_owned();
    for path in files.chain(NAMES.map(PathBuf::from)) {
        match load(&path) {
            Ok(builder) => return Ok(builder),
            Err(error) => why = error,
        }
    }
    Err(RuntimeError::NotFound { why })
}

fn load(path: &Path) -> Result<ort::environment::EnvironmentBuilder, String> {
    ort::init_from(path).map_err(|error| one_line(&error.to_string()))
}

/// The first line of a library's message, because all messages of this crate are one line.
pub(super) fn one_line(message: &str) -> String {
    message.lines().next().unwrap_or_default().trim_end_matches('.').to_owned()
}

//! Finding and loading the ONNX Runtime library, once a process.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use ort::environment::Environment;

/// Where the Debian package puts the library.
const PACKAGE_FOLDER: &str = "/usr/lib/underfoot";
/// The names a runtime library goes by, the unversioned first.
const NAMES: [&str; 2] = ["libonnxruntime.so", "libonnxruntime.so.1"];
/// The variable that `ort` and its users know.
const VARIABLE: &str = "ORT_DYLIB_PATH";

/// Why ONNX Runtime cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// A place was named, by the config or by the environment, and nothing can be loaded from it.
    #[error(
        "{origin} names the ONNX Runtime library {path:?}, which cannot be loaded: {why}; give the path of a \
         libonnxruntime.so of version 1.17 or later, or run `make onnxruntime`"
    )]
    Named {
        /// The config key or the variable.
        origin: &'static str,
        /// The path that it names.
        path: PathBuf,
        /// What the loader said.
        why: String,
    },
    /// No library was found in any of the usual places.
    #[error(
        "no ONNX Runtime library was found beside the program, in {PACKAGE_FOLDER} or on the system's library path; \
         run `make onnxruntime`, or set {VARIABLE} or model.runtime to the path of a libonnxruntime.so ({why})"
    )]
    NotFound {
        /// What the loader said of the last place.
        why: String,
    },
    /// The library was loaded and does not start.
    #[error("the ONNX Runtime library does not start: {0}; install version 1.17 or later")]
    Start(String),
}

/// The process's ONNX Runtime environment; the first call loads the library.
///
/// It is looked for in `configured`, then `ORT_DYLIB_PATH`, beside the program, `/usr/lib/underfoot` and the system's
/// library path. A place that was named is the only one tried.
///
/// # Errors
/// [`RuntimeError`], with the mend.
pub(crate) fn environment(configured: Option<&Path>) -> Result<&'static Environment, RuntimeError> {
    static ENVIRONMENT: OnceLock<Environment> = OnceLock::new();
    static LOADING: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _one_at_a_time = LOADING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(environment) = ENVIRONMENT.get() {
        return Ok(environment);
    }
    let environment = find(configured)?.with_telemetry(false).build();
    let environment = environment.map_err(|error| RuntimeError::Start(one_line(&error.to_string())))?;
    Ok(ENVIRONMENT.get_or_init(|| environment))
}

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
    let mut why = "no file of that name".to_owned();
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

/// The first line of a library's message: ours are one line each.
pub(super) fn one_line(message: &str) -> String {
    message.lines().next().unwrap_or_default().trim_end_matches('.').to_owned()
}

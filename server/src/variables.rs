//! What the names of environment variables mean.
//!
//! Owns the list of those that decide which code a program runs. Never reads a variable.

/// Begins the names of the bridge's own variables, which nobody sets for an MCP server.
pub const OWN: &str = "FOOTBRIDGE_";

/// Variables that decide which code a program runs. An operator may set them; a value that a caller chose must not
/// get into one, unless the caller may start any command anyway.
const OF_CODE: [&str; 23] = [
    "PATH",
    "IFS",
    "ENV",
    "BASH_ENV",
    "SHELLOPTS",
    "GCONV_PATH",
    "NODE_OPTIONS",
    "NODE_PATH",
    "PYTHONPATH",
    "PYTHONHOME",
    "PYTHONSTARTUP",
    "PERL5OPT",
    "PERL5LIB",
    "RUBYOPT",
    "RUBYLIB",
    "JAVA_TOOL_OPTIONS",
    "JDK_JAVA_OPTIONS",
    "_JAVA_OPTIONS",
    "CLASSPATH",
    "DOTNET_STARTUP_HOOKS",
    "PROMPT_COMMAND",
    "PS4",
    "HOME",
];

/// And beginnings of such names: of the dynamic loaders, of git, of the settings of npm, uv and pip.
const OF_CODE_BEGINNINGS: [&str; 8] = [
    "LD_",
    "DYLD_",
    "GIT_",
    "NPM_CONFIG_",
    "UV_",
    "PIP_",
    "BASH_FUNC_",
    OWN,
];

/// Whether a variable decides which code a program runs, whatever the case of its letters.
pub fn is_of_code(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    OF_CODE.contains(&name.as_str())
        || OF_CODE_BEGINNINGS
            .iter()
            .any(|beginning| name.starts_with(beginning))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_that_decide_which_code_runs_are_known() {
        for name in [
            "LD_PRELOAD",
            "DYLD_INSERT_LIBRARIES",
            "GCONV_PATH",
            "NODE_OPTIONS",
            "PYTHONPATH",
            "PYTHONSTARTUP",
            "PERL5OPT",
            "RUBYOPT",
            "BASH_ENV",
            "ENV",
            "IFS",
            "PATH",
            "GIT_SSH_COMMAND",
            "JAVA_TOOL_OPTIONS",
            "_JAVA_OPTIONS",
            "PIP_INDEX_URL",
            "npm_config_registry",
            "FOOTBRIDGE_MARK",
        ] {
            assert!(is_of_code(name), "{name}");
        }
        for name in [
            "API_KEY",
            "GITHUB_TOKEN",
            "MY_PATH",
            "OLD_LD_X",
            "LANG",
            "TZ",
        ] {
            assert!(!is_of_code(name), "{name}");
        }
    }
}

//! The paths and names by which scripts call the commands of s6, execline and s6-overlay. Must not know what these do.

use std::path::Path;

/// Where s6-overlay has its commands; in `/usr/bin` only some of them.
const DIRECTORIES: [&str; 2] = ["/command", "/package/admin"];

/// The words of execline that are commands of ours: an `up` begins with one of them.
const WORDS: [&str; 53] = [
    "background",
    "backtick",
    "case",
    "cd",
    "define",
    "dollarat",
    "elgetopt",
    "elgetpositionals",
    "elglob",
    "eltest",
    "emptyenv",
    "envfile",
    "exec",
    "execline-cd",
    "execline-umask",
    "exit",
    "export",
    "export-array",
    "fdblock",
    "fdclose",
    "fdmove",
    "fdreserve",
    "fdswap",
    "forbacktickx",
    "foreground",
    "forstdin",
    "forx",
    "getcwd",
    "getpid",
    "heredoc",
    "homeof",
    "if",
    "ifelse",
    "ifte",
    "ifthenelse",
    "import",
    "importas",
    "loopwhilex",
    "multidefine",
    "multisubstitute",
    "pipeline",
    "piperw",
    "posix-cd",
    "posix-umask",
    "redirfd",
    "runblock",
    "shift",
    "trap",
    "tryexec",
    "umask",
    "unexport",
    "wait",
    "withstdinas",
];

/// Returns whether a name is a word of execline. In a shell many of them mean something else.
pub fn is_word_of_execline(name: &str) -> bool {
    WORDS.contains(&name)
}

/// Returns whether a name can only mean a command of s6, execline or s6-overlay.
pub fn is_unmistakable(name: &str) -> bool {
    name.starts_with("s6-") || ["execlineb", "with-contenv", "printcontenv", "logutil-service"].contains(&name)
}

/// Returns whether `install-links` creates a program, as far as its path says.
pub fn is_installed_by_links(program: &Path) -> bool {
    let is_named = || program.file_name().and_then(|name| name.to_str()).is_some_and(is_unmistakable);
    DIRECTORIES.iter().any(|directory| program.starts_with(directory)) || is_named()
}

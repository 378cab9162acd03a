//! The variables that name code, or contain it. Must not know who gets them.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// Variables that name code, or configuration that names code, by the program that reads them. A name that ends in `*` is a
/// prefix. It includes glibc's list of unsecure variables (`sysdeps/generic/unsecvars.h`) and sudo's `initial_badenv_table`
/// for Linux, except TMPDIR: a directory for temporary files is not code.
pub const NAME_CODE: [(&str, &[&str]); 20] = [
    // ld.so(8); musl reads two of them
    ("the dynamic loader", &["LD_*"]),
    // iconv(3), locale(7), mallopt(3), the tunables of glibc's manual, resolv.conf(5), hostname(7), catopen(3), nis(5)
    (
        "glibc",
        &[
            "GCONV_PATH",
            "GETCONF_DIR",
            "GLIBC_TUNABLES",
            "HOSTALIASES",
            "LOCALDOMAIN",
            "LOCPATH",
            "MALLOC_TRACE",
            "NIS_PATH",
            "NLSPATH",
            "PATH_LOCALE",
            "RESOLV_HOST_CONF",
            "RES_OPTIONS",
            "TZDIR",
        ],
    ),
    // bash(1), dash(1), zshparam(1), POSIX `sh`; bash expands what it translates (`$"…"`), with catalogs of TEXTDOMAINDIR
    (
        "shells",
        &[
            "BASH_ENV",
            "BASH_FUNC_*",
            "BASH_LOADABLES_PATH",
            "BASHOPTS",
            "CDPATH",
            "ENV",
            "FPATH",
            "GLOBIGNORE",
            "IFS",
            "NULLCMD",
            "PROMPT_COMMAND",
            "PS4",
            "READNULLCMD",
            "SHELLOPTS",
            "TEXTDOMAINDIR",
            "TMPPREFIX",
            "ZDOTDIR",
        ],
    ),
    // python(1), "Command line and environment"
    (
        "python",
        &[
            "PYTHONBREAKPOINT",
            "PYTHONEXECUTABLE",
            "PYTHONHOME",
            "PYTHONINSPECT",
            "PYTHONPATH",
            "PYTHONPLATLIBDIR",
            "PYTHONPYCACHEPREFIX",
            "PYTHONSTARTUP",
            "PYTHONUSERBASE",
            "PYTHONWARNINGS",
        ],
    ),
    // perlrun(1)
    ("perl", &["PERL5DB", "PERL5LIB", "PERL5OPT", "PERL5SHELL", "PERLIO", "PERLIO_DEBUG", "PERLLIB"]),
    // ruby(1), gem(1), bundle-config(1); rubygems.rb requires BUNDLER_SETUP
    (
        "ruby",
        &[
            "BUNDLER_*",
            "BUNDLE_*",
            "GEM_HOME",
            "GEM_PATH",
            "RUBYGEMS_GEMDEPS",
            "RUBYLIB",
            "RUBYOPT",
            "RUBYPATH",
            "RUBYSHELL",
        ],
    ),
    // node(1), "Module compile cache" of its documentation
    ("node", &["NODE_COMPILE_CACHE", "NODE_OPTIONS", "NODE_PATH", "NODE_REPL_EXTERNAL_MODULE"]),
    // java(1), "The JDK_JAVA_OPTIONS environment variable"; the JVM tool interface, "Launching"; OpenJ9's documentation
    (
        "java",
        &[
            "CLASSPATH",
            "IBM_JAVA_OPTIONS",
            "JAVA_TOOL_OPTIONS",
            "JDK_JAVAC_OPTIONS",
            "JDK_JAVA_OPTIONS",
            "OPENJ9_JAVA_OPTIONS",
            "_JAVA_OPTIONS",
        ],
    ),
    // php(1), "The configuration file"
    ("php", &["PHPRC", "PHP_INI_SCAN_DIR"]),
    // lua(1)
    ("lua", &["LUA_CPATH*", "LUA_INIT*", "LUA_PATH*"]),
    // tclsh(1)
    ("tcl", &["TCLLIBPATH", "TCL_LIBRARY"]),
    // erl(1)
    ("erlang", &["ELIXIR_ERL_OPTIONS", "ERL_AFLAGS", "ERL_FLAGS", "ERL_LIBS", "ERL_ZFLAGS"]),
    // "Debugging and profiling" and "Runtime configuration" of .NET's documentation
    (
        "dotnet",
        &[
            "CORECLR_*",
            "COR_*",
            "DOTNET_ADDITIONAL_DEPS",
            "DOTNET_BUNDLE_EXTRACT_BASE_DIR",
            "DOTNET_DiagnosticPorts",
            "DOTNET_GCName",
            "DOTNET_ROOT*",
            "DOTNET_SHARED_STORE",
            "DOTNET_STARTUP_HOOKS",
        ],
    ),
    // openssl-env(7)
    ("openssl", &["OPENSSL_CONF", "OPENSSL_ENGINES", "OPENSSL_MODULES"]),
    // git(1), gitcredentials(7)
    (
        "git",
        &[
            "GIT_ASKPASS",
            "GIT_COMMON_DIR",
            "GIT_CONFIG*",
            "GIT_DIR",
            "GIT_EDITOR",
            "GIT_EXEC_PATH",
            "GIT_EXTERNAL_DIFF",
            "GIT_PAGER",
            "GIT_PROXY_COMMAND",
            "GIT_SEQUENCE_EDITOR",
            "GIT_SSH*",
            "GIT_TEMPLATE_DIR",
            "SSH_ASKPASS",
        ],
    ),
    // The XDG Base Directory Specification: like HOME they belong to the app user, and git and others read configuration
    // with commands there
    ("user directories", &["XDG_CONFIG_DIRS", "XDG_CONFIG_HOME", "XDG_DATA_DIRS", "XDG_DATA_HOME"]),
    // terminfo(5), termcap(5)
    ("ncurses", &["TERMCAP", "TERMINFO", "TERMINFO_DIRS", "TERMPATH"]),
    // kerberos(7): its configuration names modules
    ("kerberos", &["KRB5_CONFIG", "KRB5_KTNAME"]),
    // "Environment Variables" of MySQL's manual and of libmysqlclient's plugins; psql(1)
    ("database clients", &["LIBMYSQL_PLUGIN*", "MYSQL_HOME", "PSQLRC"]),
    // tar(1), gawk(1), apt.conf(5), wget(1), curl(1), make(1), less(1), rsync(1)
    (
        "command-line tools",
        &[
            "APT_CONFIG",
            "AWKLIBPATH",
            "AWKPATH",
            "CURL_HOME",
            "LESSCLOSE",
            "LESSOPEN",
            "MAKEFILES",
            "MAKEFLAGS",
            "RSYNC_RSH",
            "SYSTEM_WGETRC",
            "TAR_OPTIONS",
            "WGETRC",
        ],
    ),
];

/// Returns whether a variable names code, or contains code (bash's exported functions).
pub fn names_code(name: &OsStr, value: &OsStr) -> bool {
    let name = name.as_bytes();
    // Compared as bytes: each variable of the container with each of the table, at every boot.
    let is = |known: &&str| match known.as_bytes() {
        [first, ..] if Some(first) != name.first() => false,
        [beginning @ .., b'*'] => name.starts_with(beginning),
        known => name == known,
    };
    value.as_bytes().starts_with(b"()") || NAME_CODE.iter().flat_map(|(_, names)| *names).any(is)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_code_is_known_by_its_name_its_beginning_or_its_value() {
        let is = |name: &str, value: &str| names_code(OsStr::new(name), OsStr::new(value));
        for name in ["LD_PRELOAD", "LD_AUDIT", "BASH_ENV", "ENV", "GCONV_PATH", "PYTHONPATH", "PERL5OPT", "RUBYOPT"] {
            assert!(is(name, "/data/x"), "{name}");
        }
        for name in
            ["TAR_OPTIONS", "XDG_CONFIG_HOME", "BUNDLER_SETUP", "NODE_COMPILE_CACHE", "TEXTDOMAINDIR", "KRB5_CONFIG"]
        {
            assert!(is(name, "/data/x"), "{name}");
        }
        for name in ["NODE_OPTIONS", "JAVA_TOOL_OPTIONS", "LUA_INIT_5_4", "BASH_FUNC_ls%%", "GIT_CONFIG_COUNT"] {
            assert!(is(name, "/data/x"), "{name}");
        }
        assert!(is("anything", "() { :; }; /data/x"), "a function, as old shells export them");
        for name in ["PATH", "HOME", "LANG", "TZ", "TMPDIR", "PYTHONUNBUFFERED", "ENVIRONMENT", "OLD_ENV", "PUID"] {
            assert!(!is(name, "/data/x"), "{name}");
        }
    }
}

//! Commands that deal with a script's arguments in the environment, and with accounts: `shift`, `homeof`.

use std::os::unix::ffi::OsStrExt;

use crate::config::values::UserName;
use crate::inspect::facts::account_bytes;
use crate::plan::accounts::passwd;
use crate::plan::facts::AccountFile;
use crate::s6_commands::call::{Call, CommandResult, number, print};
use crate::s6_commands::failure::Failure;
use crate::text::shown_bytes;

/// Executes the rest without the first arguments of the script, or the first blocks among them.
pub(in crate::s6_commands) fn shift(mut call: Call) -> CommandResult {
    const SYNOPSIS: &str = "shift [ -n arg# ] [ -b block# ] prog...";
    let (mut arguments, mut blocks) = (None, None);
    for (letter, value) in call.options("n:b:", SYNOPSIS)? {
        let value = Some(number(&value).ok_or_else(|| Failure::usage(SYNOPSIS))?);
        if letter == b'n' { arguments = value } else { blocks = value }
    }
    if call.arguments.is_empty() {
        return Err(Failure::usage(SYNOPSIS));
    }
    let count = call.environment.get(b"#").ok_or_else(|| Failure::wrong("# not set"))?;
    // Wider than such a number, to which one can be added.
    let count = number(count).map(u64::from).ok_or_else(|| Failure::wrong("invalid $#"))?;
    let argument = |at: u64| call.environment.get(at.to_string().as_bytes()).map(<[u8]>::to_vec);
    let wanted = u64::from(arguments.unwrap_or(if blocks.is_some() { 0 } else { 1 }));
    let strict = call.environment.get(b"EXECLINE_STRICT").and_then(number).unwrap_or_default();
    if wanted > count && strict > 0 {
        let what = format!("unable to shift {wanted} arguments: got {count}");
        if strict > 1 {
            return Err(Failure::wrong(what));
        }
        call.warn(what);
    }
    let mut shifted = wanted.min(count);
    for block in 0..blocks.unwrap_or_default() {
        loop {
            shifted += 1;
            if shifted > count {
                let what = format!("unable to shift block {block}: too few arguments ({shifted})");
                return Err(Failure::wrong(what));
            }
            let word = argument(shifted).ok_or_else(|| Failure::wrong(format!("{shifted} not set")))?;
            if word.is_empty() {
                break;
            }
        }
    }
    let mut environment = call.environment.clone();
    environment.set(b"#", (count - shifted).to_string().as_bytes());
    for at in 1..=count {
        let value = if at <= count - shifted { argument(at + shifted) } else { None };
        environment.put(at.to_string().as_bytes(), value.as_deref());
    }
    call.exec_with(&environment)
}

/// Prints the home of an account.
pub(in crate::s6_commands) fn homeof(mut call: Call) -> CommandResult {
    let name = call.argument("homeof user")?;
    let user = std::str::from_utf8(&name).ok().and_then(UserName::new);
    let account = user.and_then(|user| passwd::by_name(&account_bytes(AccountFile::Passwd), &user));
    let account = account.ok_or_else(|| {
        Failure::fatal(111, format!("unable to get passwd entry for {}: no such user", shown_bytes(&name)))
    })?;
    print(&[account.home.as_os_str().as_bytes(), b"\n"].concat()).map(|()| 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::s6_commands::environment::Environment;

    #[test]
    fn behind_the_greatest_number_of_arguments_there_is_no_block() {
        let argv = ["shift", "-n", "4294967295", "-b", "1", "true"].map(Into::into).to_vec();
        let environment = Environment::of(vec![b"#=4294967295".to_vec()]);
        let failure = shift(Call::new("shift", argv, environment, &[])).unwrap_err();
        let text = "fatal: unable to shift block 0: too few arguments (4294967296)";
        assert_eq!((failure.code, failure.text.as_str()), (100, text));
    }
}

//! The table: one line is one case, flags as `docker run` has them, and after `--` the main command (default: the recorder).
//! `VOLUME` is a fresh directory of the host with a file of uid 4321 in it, `TREE` one of services.
//!
//! Not here, since the outcome depends on the engine's age: `--tmpfs /run:mode=0777` over a directory that the image has.
//! runc before 1.1.8 gives it the directory's mode (runc issue 3911), later ones, and `try`, the mode that was asked for.

/// Who it is.
pub const USERS: &[&str] = &[
    "",
    "-e PUID=1234 -e PGID=1235",
    "-e PUID=1",
    "--user 1000:1000",
    "--user 1000",
    "--user 4242:4242",
    "--user 1000620000:0",
    "--user 2147483647",
    "--user daemon -e PUID=1234 -e PGID=7",
    "--user nobody:nogroup",
    "--user root:video -e PUID=1234",
    "--user :44 -e PUID=1234",
    "--user 1000:daemon --init",
    "--group-add 44 --group-add audio -e PUID=1234",
    "--group-add 44 --user 1000:1000",
    "--user daemon --group-add video",
    "--init -e PUID=1234",
];

/// What it may do.
pub const PRIVILEGE: &[&str] = &[
    "--cap-drop ALL -e PUID=1234",
    "--cap-drop ALL -e STEPDOWN_WITHOUT_DROP=run",
    "--cap-drop ALL --cap-add SETUID --cap-add SETGID --cap-add CHOWN -e PUID=1234",
    "--cap-drop cap_chown -e PUID=1234 -v VOLUME:/config",
    "--cap-drop DAC_OVERRIDE --cap-drop FOWNER -e PUID=1234 -v VOLUME:/config",
    "--cap-add SETUID --cap-drop SETUID -e PUID=1234",
    "--cap-add NET_ADMIN --cap-add SYS_PTRACE -e PUID=1234",
    "--cap-add ALL --user 1000:1000",
    "--no-new-privileges -e PUID=1234",
    "--no-new-privileges --user 4242:4242 --read-only --cap-drop ALL",
    "--no-new-privileges --user 1000:1000 --cap-add NET_BIND_SERVICE",
];

/// Where it may write.
pub const PLACES: &[&str] = &[
    "--read-only -e PUID=1234 -e PGID=1235",
    "--read-only --cap-drop ALL -e STEPDOWN_WITHOUT_DROP=run",
    "--read-only --user 1000:1000 --tmpfs /config",
    "--read-only --init --tmpfs /run --tmpfs /tmp -e PUID=1234",
    "--read-only --workdir /new/dir -e PUID=1234",
    "--workdir /new/dir --user 1000:1000",
    "--workdir /tmp -e PUID=1234",
    "--tmpfs /run:uid=1000,gid=1000,exec --user 1000:1000",
    "--tmpfs /run:noexec -e PUID=1234",
    "--tmpfs /scratch --user 1000:1000",
    "--tmpfs /scratch:size=1m,mode=0700,uid=1000 --user 1000:1000",
    "-v VOLUME:/config -e PUID=1234",
    "-v VOLUME:/config:ro -e PUID=1234",
    "-v VOLUME:/config:rw,z -e PUID=1234 --read-only",
    "-v VOLUME:/config --user 1000:1000",
    "-v VOLUME/kept:/config/kept -e PUID=1234",
];

/// What it finds around it.
pub const ENVIRONMENT: &[&str] = &[
    "-e UMASK=027 -e TZ=Europe/Berlin -e PUID=1234",
    "-e HOME=/elsewhere --user 4242:4242",
    "-e HOME= --user 4242:4242",
    "-e PATH=/usr/bin:/bin:/usr/local/bin -e PUID=1234",
    "-e PATH= --user 4242",
    "-e LANG=C -e LANG=de_DE -e EMPTY= -e PUID=1234",
    "-e HOSTNAME=other -e TERM=dumb -e PUID=1234",
];

/// Services instead of a main command.
pub const TREES: &[&str] = &[
    "-v TREE:/etc/services.d:ro -e PUID=1234 --",
    "-v TREE:/etc/services.d:ro --user 1000:1000 --",
    "-v TREE:/etc/services.d:ro --read-only --cap-drop ALL --cap-add SETUID --cap-add SETGID -e PUID=1234 --",
    "-v TREE:/etc/services.d:ro --no-new-privileges --init -e PUID=1234 -e STEPDOWN_LOG_FORMAT=json --",
    "-v TREE:/etc/services.d:ro -e PUID=1234 -- recorder --exit 9",
];

/// How it ends.
pub const LIVES: &[&str] = &[
    "-e PUID=1234 -- sh -c exit${IFS}3",
    "-e PUID=1234 -- sh -c kill${IFS}-9${IFS}$$",
    "-e PUID=1234 --init -- sh -c kill${IFS}-9${IFS}$$",
    "--user 1000:1000 -- /etc/passwd",
    "-e PUID=1234 -- no-such-program",
    "-e PUID=1234 --",
];

/// What does not start. The code is the engine's own there (125) and stepdown's here.
pub const REFUSED: &[&str] = &[
    "-e PUID=abc",
    "-e PUID=0",
    "--user nosuch",
    "--user 2147483648",
    "--user 1:4294967294",
    "--group-add nosuch -e PUID=1234",
    "--cap-drop NOSUCH",
    "--cap-drop CHOWN,KILL",
    "--workdir relative",
    "-v VOLUME:relative",
    "-v VOLUME:/config:nosuch",
    "--tmpfs /run:nosuch=1",
];

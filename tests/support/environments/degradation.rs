//! What an environment may lack, in the report's words and in the book's. Must not know who lacks what.

/// What is lost in an environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Degradation {
    Drop,
    Account,
    MountedAccount,
    Name,
    Data,
    RunWeb,
    RootsOneshot,
    RootsReach,
    Port,
    Modes,
    Closed,
    Control,
}

impl Degradation {
    pub const ALL: [Self; 12] = [
        Self::Drop,
        Self::Account,
        Self::MountedAccount,
        Self::Name,
        Self::Data,
        Self::RunWeb,
        Self::RootsOneshot,
        Self::RootsReach,
        Self::Port,
        Self::Modes,
        Self::Closed,
        Self::Control,
    ];

    /// Returns what the report says there, and what it says to write; for these ids.
    pub fn message(self, (uid, gid): (u32, u32)) -> (String, String) {
        let (what, fix) = match self {
            Self::Drop => ("cannot step down to app", "--cap-add SETGID --cap-add SETUID"),
            Self::Account => ("/etc is read-only", "remove `read_only: true`"),
            Self::MountedAccount => ("/etc/passwd is bind-mounted from the host", "remove the mount of /etc/passwd"),
            Self::Name => ("uid {uid} has no name", "start as a user of the image"),
            Self::Data => ("{uid}:{gid} cannot use /data", "chown -R {uid}:{gid}"),
            Self::RunWeb => ("/run/web is not created", "--tmpfs /run/web:uid={uid},gid={gid},mode=0755"),
            Self::RootsOneshot => {
                ("but this container cannot change user; it runs as {uid}:{gid}", "start the container as root")
            }
            Self::RootsReach => (
                "`seed`: DAC_OVERRIDE is not granted; it runs as root and cannot write what is the app's",
                "--cap-add DAC_OVERRIDE",
            ),
            Self::Port => ("`web` runs without NET_BIND_SERVICE", "--cap-add NET_BIND_SERVICE"),
            Self::Modes => ("setuid files and modes of other users' files stay as they are", "--cap-add FOWNER"),
            Self::Closed => ("directories that only another user may enter are skipped", "--cap-add DAC_OVERRIDE"),
            Self::Control => ("no directory for the control socket can be written", "--tmpfs /run:uid={uid},gid={gid}"),
        };
        let filled = |text: &str| text.replace("{uid}", &uid.to_string()).replace("{gid}", &gid.to_string());
        (filled(what), filled(fix))
    }

    /// Returns what that means to the reader.
    pub fn words(self) -> &'static str {
        match self {
            Self::Drop => "the step down",
            Self::Account => "the account's name: `/etc` cannot be written, the drop is by number",
            Self::MountedAccount => "the account's name: the file is the host's, the drop is by number",
            Self::Name => "a name for the uid",
            Self::Data => "the volume: only its owner can open it",
            Self::RunWeb => "`/run/web`",
            Self::RootsOneshot => "root in the oneshot",
            Self::RootsReach => "the root oneshot's way into the app's files",
            Self::Port => "`web`'s capability",
            Self::Modes => "setuid files and modes of others on the volume",
            Self::Closed => "what others have closed on the volume",
            Self::Control => "`status` and the other control commands",
        }
    }
}

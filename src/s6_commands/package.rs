//! The packages that the commands and their originals are of. Must not know which commands those are.

/// Whose command it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Package {
    /// s6
    S6,
    /// execline
    Execline,
    /// s6-portable-utils
    S6PortableUtils,
    /// s6-rc
    S6Rc,
    /// s6-linux-init: found in `/run/s6/basedir/bin` alone, where the boot creates links
    S6LinuxInit,
    /// s6-linux-utils
    S6LinuxUtils,
    /// s6-overlay
    S6Overlay,
    /// LinuxServer's base images
    LinuxServer,
}

impl Package {
    /// Returns its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::S6 => "s6",
            Self::Execline => "execline",
            Self::S6PortableUtils => "s6-portable-utils",
            Self::S6Rc => "s6-rc",
            Self::S6LinuxInit => "s6-linux-init",
            Self::S6LinuxUtils => "s6-linux-utils",
            Self::S6Overlay => "s6-overlay",
            Self::LinuxServer => "LinuxServer",
        }
    }
}

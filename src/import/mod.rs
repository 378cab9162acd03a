//! Services of other supervisors → our own TOML files, as text: `stepdown import`. Pure: bytes and values in, the texts of
//! files out; must not know the machine.

mod container_text;
pub mod entrypoint;
mod image_paths;
pub mod native;
pub mod procfile;
pub mod runit;
pub mod s6;
mod scripts;
mod service_text;
mod shell_command;
mod source_files;
pub mod supervisord;
mod toml_values;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::config::paths;
use crate::config::service::Service;
use crate::config::values::ServiceName;
use crate::error::Place;
use crate::text::shown;
pub use container_text::ContainerSettings;
pub use service_text::text as service_text;

use native::Omission;

/// The directory of services in what is written.
const SERVICES: &str = "services.d";
/// The container file there.
const CONTAINER_FILE: &str = "stepdown.toml";

/// What came of the sources.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// The services, by name.
    pub services: Vec<ImportedService>,
    /// What belongs into the container file.
    pub container: ContainerSettings,
    /// What has no equivalent and belongs to no service.
    pub omissions: Vec<(Place, Omission)>,
}

/// One service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportedService {
    /// As a file can describe it.
    pub service: Service,
    /// Where it was read.
    pub at: Place,
    /// What the file cannot say.
    pub omissions: Vec<Omission>,
    /// Whether its file has to lie in a directory of its name, beside files that it uses.
    pub has_directory: bool,
    /// Its directory in the image's services tree, which declares the same name: the file takes its place.
    pub replaces: Option<PathBuf>,
}

/// A file to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextFile {
    /// Below the directory that is checked: `services.d/web.toml`.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
}

impl ImportedService {
    /// Returns the nearest service that a file can describe.
    pub fn new(service: Service) -> Self {
        let at = service.at.clone();
        let (service, omissions) = native::nearest(service);
        Self { service, at, omissions, has_directory: false, replaces: None }
    }

    fn file(&self) -> TextFile {
        let name: &ServiceName = &self.service.name;
        let path = match self.has_directory {
            true => format!("{SERVICES}/{name}/service.toml"),
            false => format!("{SERVICES}/{name}.toml"),
        };
        TextFile { path: path.into(), text: comments(&self.omissions) + &service_text::text(&self.service) }
    }
}

impl Imported {
    /// Returns the files, the container file first, if there is anything to write into it.
    pub fn files(&self) -> Vec<TextFile> {
        let general: Vec<Omission> = self.omissions.iter().map(|(_, omission)| omission.clone()).collect();
        let text = comments(&general) + &self.container.text();
        let container = TextFile { path: CONTAINER_FILE.into(), text };
        let container = Some(container).filter(|file| !file.text.is_empty());
        container.into_iter().chain(self.services.iter().map(ImportedService::file)).collect()
    }

    /// Returns everything that has no equivalent, with the place where it stands.
    pub fn all_omissions(&self) -> impl Iterator<Item = (&Place, &Omission)> {
        let of_services =
            self.services.iter().flat_map(|it| it.omissions.iter().map(move |omission| (&it.at, omission)));
        self.omissions.iter().map(|(at, omission)| (at, omission)).chain(of_services)
    }

    /// Returns the directories of the image that have to be removed: each declares a service once more.
    pub fn replaced(&self) -> BTreeSet<&Path> {
        let stays =
            |path: &Path| self.services.iter().any(|it| it.has_directory && path.ends_with(it.service.name.as_str()));
        let all = self.services.iter().filter_map(|it| it.replaces.as_deref());
        all.filter(|path| !stays(path)).collect()
    }

    /// Adds what came of other sources.
    pub fn extend(&mut self, more: Self) {
        self.services.extend(more.services);
        self.container.extend(more.container);
        self.omissions.extend(more.omissions);
    }
}

fn comments(omissions: &[Omission]) -> String {
    let line = |Omission { what, why }: &Omission| format!("# not translated: {}: {}\n", shown(what), shown(why));
    omissions.iter().map(line).collect()
}

/// Returns the directory of log files in the place of a log file: `/var/log/web` for `/var/log/web.log`. `None`: it cannot be
/// declared.
fn log_directory(file: &str) -> Option<PathBuf> {
    let path = paths::normal(file).ok()?;
    let path = path.strip_suffix(".log").map_or_else(|| format!("{path}.d"), str::to_owned);
    let is_kernels = ["/proc", "/sys", "/dev"].iter().any(|kernel| Path::new(&path).starts_with(kernel));
    (!is_kernels && !path.ends_with('/') && !paths::is_system_directory(&path)).then(|| path.into())
}

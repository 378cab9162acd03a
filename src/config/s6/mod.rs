//! Directories in the formats of s6, s6-rc and s6-overlay → the same [`Service`](super::service::Service)s as from TOML
//! (DESIGN §10). Bytes in; must not know the machine.

mod bundles;
mod command_paths;
mod custom_services;
mod definition;
mod definitions;
mod files;
mod fix_attrs;
mod format;
mod image;
mod instead;
mod loader;
mod misspelt_files;
mod pipes;
mod reachable;
mod scripts;
mod shell_words;
pub mod table;
mod table_notices;
mod table_row;
mod version_two;

pub use bundles::Bundles;
pub use command_paths::{is_installed_by_links, is_unmistakable, is_word_of_execline};
pub use definition::{is_of_s6, is_service_directory, read as read_directory};
pub use files::{ServiceDir, is_list_directory, is_read_directory};
pub use format::DirectoryFormat;
pub use image::Image;
pub use instead::{file_of, instead, is_execline};
pub use loader::{after_legacy_services, read as read_image};
pub use misspelt_files::beside_toml;
pub use pipes::logger;
pub use reachable::stop_unreachable;
pub use table_notices::{honoured, notices as ignored_notices, variables as ignored_variables};
pub use version_two::{VersionTwoFiles, notice as version_two_notice};

//! `schema`: prints the JSON Schema of a file. Must not know which keys there are.

use super::document_args::{SchemaArgs, SchemaOf};
use super::output;
use crate::config::keys::ConfigFile;
use crate::config::schema;

/// Prints it.
pub(super) fn run(args: &SchemaArgs) -> u8 {
    let file = match args.file {
        SchemaOf::Service => ConfigFile::Service,
        SchemaOf::Container => ConfigFile::Container,
    };
    output::out(&format!("{:#}\n", schema::of(file)));
    0
}

//! The commands of execline: `execlineb` and the programs that its scripts are made of. Each uses up its own arguments and executes
//! the rest.

pub(super) mod arguments;
pub(super) mod case;
pub(super) mod conditions;
pub(super) mod descriptors;
pub(super) mod directory;
pub(super) mod envfile;
pub(super) mod glob;
pub(super) mod loops;
pub(super) mod pipes;
pub(super) mod positionals;
pub(super) mod script;
pub(super) mod sequence;
pub(super) mod substitutions;
pub(super) mod trap;
pub(super) mod variables;
pub(super) mod wait;

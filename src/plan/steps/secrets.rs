//! The files of secrets: which are read, and with whose rights. Must not know their contents.

use super::inputs::PlanInputs;
use crate::config::container::{NamedBy, Secret};
use crate::config::values::Uid;
use crate::plan::facts::SecretFact;
use crate::plan::finding::Issue;
use crate::plan::notes::Notes;
use crate::plan::{Decision, PlannedStep, ReadSecret, SecretReader, Step, TrustedWriters, printable};
use crate::text::shown;

/// Who may have chosen a file that root reads for the app: group 0 may have members here, so it does not count as root.
const PLACED_BY: TrustedWriters = TrustedWriters::Root { or: None, unpacked: None, shared_group: true };

/// Returns a step for each secret. A file of the container file that cannot be read is a problem.
pub(super) fn steps(inputs: &PlanInputs<'_>, notes: &mut Notes) -> Vec<PlannedStep> {
    inputs.config.container.secrets.iter().map(|secret| step(secret, inputs, notes)).collect()
}

fn step(secret: &Secret, inputs: &PlanInputs<'_>, notes: &mut Notes) -> PlannedStep {
    let Secret { name, path, named_by, .. } = secret;
    let place = printable::path(path);
    let fact = inputs.facts.secrets.get(path);
    let fault = match fact {
        None | Some(SecretFact::File { .. }) => None,
        Some(SecretFact::Missing) => Some(("is missing".to_owned(), "mount it")),
        Some(SecretFact::NotAFile) => Some(("is not a regular file".to_owned(), "mount a file there")),
        Some(SecretFact::Refused(why)) => Some((format!("cannot be read: {why}"), "make it readable")),
    };
    let from_root = match fact {
        Some(SecretFact::File { placed_by }) => placed_by.iter().all(|found| PLACED_BY.allows(found)),
        None | Some(SecretFact::Missing | SecretFact::NotAFile | SecretFact::Refused(_)) => true,
    };
    let is_root = inputs.facts.uid == Uid::ROOT;
    let reader = if is_root && !from_root { SecretReader::App } else { SecretReader::PidOne };
    let read = ReadSecret { name: name.clone(), path: path.clone(), reader, is_required: named_by.is_container_file() };
    let decision = match (fault, named_by) {
        (None, _) => Decision::Perform,
        (Some((what, fix)), NamedBy::ContainerFile(at)) => {
            let what = format!("the secret `{name}`: {place} {what}");
            notes.problem(at, what, format!("{fix}: {}", how_to_mount(secret)));
            Decision::Perform
        }
        (Some((what, fix)), NamedBy::Variable(variable)) => Decision::Skip(Issue::new(
            format!("{}: {place} {what}", shown(variable)),
            format!("services start without `{name}`"),
            format!("{fix}: {}; or unset {}", how_to_mount(secret), shown(variable)),
        )),
    };
    PlannedStep { step: Step::ReadSecret(read), decision }
}

fn how_to_mount(secret: &Secret) -> String {
    let file = secret.path.file_name().map(shown).unwrap_or_default();
    format!("`docker run -v ./{file}:{}:ro`, or `secrets:` in compose", printable::path(&secret.path))
}

//! Every page with commands, followed. Must not know how.

use super::blocks::{Use, blocks};
use super::{pages, session};

/// A test for each page.
macro_rules! sessions {
    ($($name:ident: $page:literal,)*) => {
        /// The pages that are followed.
        const FOLLOWED: &[&str] = &[$($page),*];

        $(#[test]
        fn $name() {
            session::follow($page);
        })*
    };
}

sessions! {
    example_command: "examples/command/README.md",
    example_nginx: "examples/nginx/README.md",
    example_postgres: "examples/postgres/README.md",
    example_python: "examples/python/README.md",
    example_redis: "examples/redis/README.md",
    boot_time: "docs/src/how-to/boot-time.md",
    cron: "docs/src/how-to/cron.md",
    debug: "docs/src/how-to/debug.md",
    editor: "docs/src/how-to/editor.md",
    from_entrypoint: "docs/src/how-to/from-entrypoint.md",
    from_s6_overlay: "docs/src/how-to/from-s6-overlay.md",
    from_supervisord: "docs/src/how-to/from-supervisord.md",
    from_tini_gosu: "docs/src/how-to/from-tini-gosu.md",
    metrics: "docs/src/how-to/metrics.md",
    probes: "docs/src/how-to/probes.md",
    puid_volumes: "docs/src/how-to/puid-volumes.md",
    readme: "README.md",
    review: "docs/src/how-to/review.md",
    secrets: "docs/src/how-to/secrets.md",
    tutorial: "docs/src/tutorial.md",
    user_and_read_only: "docs/src/how-to/user-and-read-only.md",
}

#[test]
fn every_page_with_commands_is_followed() {
    let has_commands =
        |page: &&super::Page| blocks(page).iter().any(|block| matches!(block.used, Some(Use::Run(_) | Use::File(_))));
    let pages = pages();
    let mut found: Vec<_> = pages.iter().filter(has_commands).map(|page| page.name.as_str()).collect();
    let mut followed = FOLLOWED.to_vec();
    found.sort_unstable();
    followed.sort_unstable();
    assert_eq!(found, followed);
}

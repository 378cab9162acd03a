//! "did you mean …?": the nearest of the known words.
//! Must not know what the words are for.

/// Longer words are not compared: the distance is quadratic.
const MAX_LENGTH: usize = 64;

/// Most words of a list in a message.
const MAX_LISTED: usize = 40;

/// Returns the known word that was probably intended.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.is_empty() || word.len() > MAX_LENGTH {
        return None;
    }
    let plain = word.to_ascii_lowercase().replace('-', "_");
    let near = |ours: &str| {
        let bare = ours.to_ascii_lowercase().replace('-', "_");
        let (one, other) = (plain.chars().count(), bare.chars().count());
        let distance = strsim::osa_distance(&plain, &bare);
        // At most a third of the shorter one: otherwise a short word would match any other. Words without a common letter do not
        // match.
        let near = distance <= (one.min(other) / 3).clamp(1, 3) && distance < one.max(other);
        near.then_some(distance)
    };
    let mut best: Option<(usize, &str)> = None;
    for ours in known {
        if let Some(distance) = near(ours)
            && best.is_none_or(|(least, _)| distance < least)
        {
            best = Some((distance, ours));
        }
    }
    best.map(|(_, ours)| ours)
}

/// Returns what to write instead of an unknown `word`: the nearest one, else all of them after `intro` ("the keys are").
pub fn suggestion<'a>(word: &str, intro: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> String {
    match nearest(word, known.clone()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("{intro}: {}", nearest_first(word, known)),
    }
}

/// Returns the words as [`list`] does, but if the list is truncated it begins with those most similar to `word`.
pub fn nearest_first<'a>(word: &str, words: impl IntoIterator<Item = &'a str>) -> String {
    let mut all: Vec<&str> = words.into_iter().collect();
    if all.len() > MAX_LISTED && word.len() <= MAX_LENGTH {
        let plain = word.to_ascii_lowercase();
        all.sort_by_cached_key(|ours| {
            let ours = ours.to_ascii_lowercase();
            let holds = ours.contains(&plain) || plain.contains(&ours);
            (!holds, strsim::osa_distance(&plain, &ours))
        });
    }
    list(all)
}

/// Returns the words with commas between them, the rest of a long list as a number.
pub fn list<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let all: Vec<&str> = words.into_iter().collect();
    let shown: Vec<&str> = all.iter().take(MAX_LISTED).copied().collect();
    match all.len() - shown.len() {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: [&str; 6] = ["command", "restart", "requires", "environment", "directory", "nice"];

    #[test]
    fn a_swapped_letter_is_seen_through() {
        assert_eq!(nearest("restrat", KEYS), Some("restart"));
        assert_eq!(nearest("Restart", KEYS), Some("restart"));
        assert_eq!(nearest("dbb", ["web", "db"]), Some("db"));
    }

    #[test]
    fn what_is_too_far_away_is_not_suggested() {
        assert_eq!(nearest("a", ["b"]), None);
        assert_eq!(nearest("log", ["web"]), None);
        assert_eq!(nearest("nicer", ["nice"]), Some("nice"));
        assert_eq!(nearest("notices", ["nice"]), None);
        assert_eq!(nearest("comments", ["command"]), None);
        assert_eq!(nearest("comand", KEYS), Some("command"));
    }

    #[test]
    fn a_word_unlike_all_gets_the_list() {
        assert_eq!(suggestion("xyzzy", "the keys are", ["a_key", "b_key"]), "the keys are: a_key, b_key");
        assert_eq!(nearest("", KEYS), None);
        assert_eq!(nearest(&"r".repeat(100_000), KEYS), None);
    }

    #[test]
    fn of_a_long_list_the_nearest_ones_are_shown() {
        let names: Vec<String> =
            (0..60).map(|number| format!("a{number}")).chain(["postgres-main".to_owned()]).collect();
        let said = suggestion("postgres", "services are", names.iter().map(String::as_str));
        assert!(said.starts_with("services are: postgres-main, ") && said.ends_with(" and 21 more"), "{said}");
        let said = nearest_first("zeile", names.iter().map(String::as_str).chain(["zeilen-leser"]));
        assert!(said.starts_with("zeilen-leser, "), "{said}");
        assert_eq!(nearest_first("b", ["a", "b"]), "a, b");
    }

    #[test]
    fn a_long_list_ends_in_a_number() {
        let names: Vec<String> = (0..50).map(|number| format!("s{number}")).collect();
        assert!(list(names.iter().map(String::as_str)).ends_with("s39 and 10 more"));
    }
}

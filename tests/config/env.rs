//! The environment: every value that is accepted, and the exact text for every one that is not.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::time::Duration;

use stepdown::config::VARIABLES;
use stepdown::config::container::{Level, LogFormat, OnMissingPrivilege, VariableValue};
use stepdown::config::values::{Gid, Uid};
use stepdown::error::Place;

use super::sources_builder::{SourcesBuilder, empty_sources};

fn main_only() -> SourcesBuilder {
    empty_sources().main("true")
}

#[test]
fn ids_are_plain_decimal_numbers() {
    for (text, id) in
        [("0", 0), ("1", 1), ("1000", 1000), ("65534", 65534), ("65535", 65535), ("4294967293", 4_294_967_293)]
    {
        let app = main_only().env("PUID", text).env("PGID", text).config().container.app;
        let at = |name: &str| Place::Variable { name: name.to_owned(), value: text.to_owned() };
        assert_eq!(app.env_uid, Some(VariableValue { value: Uid(id), at: at("PUID") }));
        assert_eq!(app.env_gid, Some(VariableValue { value: Gid(id), at: at("PGID") }));
    }
    let app = main_only().config().container.app;
    assert_eq!((app.env_uid, app.env_gid), (None, None));
}

#[test]
fn everything_else_is_refused_and_quoted() {
    let decimal = "is not a plain decimal number";
    let above = "is above 4294967293, the highest id";
    let zero = "has a leading zero";
    for (value, shown, why) in [
        (&b""[..], "", "is empty"),
        (b"abc", "abc", decimal),
        (b"1000 ", "\"1000 \"", decimal),
        (b" 1000", "\" 1000\"", decimal),
        (b"+1", "+1", decimal),
        (b"-0", "-0", decimal),
        (b"-1", "-1", decimal),
        (b"1e3", "1e3", decimal),
        (b"0x3e8", "0x3e8", decimal),
        (b"1000\nroot2::0:0", "\"1000\\nroot2::0:0\"", decimal),
        (b"1000:", "1000:", decimal),
        (b"\xd9\xa1\xd9\xa0", "\"\\xd9\\xa1\\xd9\\xa0\"", decimal),
        (b"\xff", "\"\\xff\"", decimal),
        (b"\x1b[2J", "\"\\x1b[2J\"", decimal),
        (b"00", "00", zero),
        (b"01000", "01000", zero),
        (b"4294967294", "4294967294", above),
        (b"4294967295", "4294967295", above),
        (b"4294967296", "4294967296", above),
        (b"18446744073709551616", "18446744073709551616", above),
    ] {
        let value = OsString::from_vec(value.to_vec());
        main_only().env("PUID", value.clone()).env("PGID", value).assert_problems(&[
            &format!("PGID={shown}: {why}; give a group id such as PGID=1000, or unset it"),
            &format!("PUID={shown}: {why}; give a user id such as PUID=1000, or unset it"),
        ]);
    }
}

#[test]
fn a_long_value_is_cut() {
    let printed = main_only().env("PUID", "x".repeat(10_000)).problems();
    assert_eq!(
        printed[0],
        format!(
            "PUID={}… (10000 bytes): is not a plain decimal number; give a user id such as PUID=1000, or unset it",
            "x".repeat(80)
        )
    );
}

const ALIASES: &str = "[app]\nuid_from = [\"USER_ID\", \"PUID\"]\ngid_from = [\"STEPDOWN_GID\"]";

#[test]
fn the_first_variable_that_is_set_wins() {
    let config = main_only().container(ALIASES).env("PUID", "5").env("USER_ID", "6").env("STEPDOWN_GID", "7").config();
    assert_eq!(config.container.app.env_uid.map(|env_id| env_id.value), Some(Uid(6)));
    assert_eq!(config.container.app.env_gid.map(|env_id| env_id.value), Some(Gid(7)));
    assert_eq!(config.notices, ["PUID=5 is ignored: USER_ID is set"]);
    main_only()
        .container(ALIASES)
        .env("PUID", "5")
        .env("USER_ID", "")
        .assert_problems(&["USER_ID=: is empty; give a user id such as USER_ID=1000, or unset it"]);
}

#[test]
fn the_usual_name_is_remarked_where_an_image_uses_another() {
    let config = main_only().container("[app]\nuid_from = [\"USER_ID\"]").env("PUID", "5").config();
    assert_eq!(config.notices, ["PUID=5 is ignored: `uid_from` of this image is [USER_ID]"]);
    assert_eq!(config.container.app.env_uid, None);
}

#[test]
fn the_mask_is_octal_and_wins_over_the_file() {
    for (text, mask) in [("022", 0o022), ("0", 0), ("0777", 0o777), ("77", 0o77)] {
        let config = main_only().container("[app]\numask = \"027\"").env("UMASK", text).config();
        assert_eq!(config.container.app.umask, Some(mask));
    }
    for (text, shown, why) in [
        ("", "", "is empty"),
        ("8", "8", "\"8\" is not an octal mask"),
        ("1777", "1777", "\"1777\" is not an octal mask"),
        ("0o22", "0o22", "\"0o22\" is not an octal mask"),
        ("22\n", "\"22\\n\"", "\"22\\n\" is not an octal mask"),
    ] {
        let fix = "give up to three digits from 0 to 7, such as UMASK=022, or unset it";
        main_only().env("UMASK", text).assert_problems(&[&format!("UMASK={shown}: {why}; {fix}")]);
    }
}

#[test]
fn a_time_zone_stays_within_the_zone_files() {
    for zone in [
        "",
        "UTC",
        ":Europe/Berlin",
        "America/Argentina/Buenos_Aires",
        "CET-1CEST,M3.5.0,M10.5.0/3",
        "<+03>-3",
        "/usr/share/zoneinfo/UTC",
        "/etc/localtime",
    ] {
        main_only().env("TZ", zone).config();
    }
    for (zone, shown) in [
        ("../../etc/shadow", "../../etc/shadow"),
        (":/etc/shadow", ":/etc/shadow"),
        ("/usr/share/zoneinfo/../x", "/usr/share/zoneinfo/../x"),
        ("a\nb", "\"a\\nb\""),
    ] {
        main_only().env("TZ", zone).assert_problems(&[&format!(
            "TZ={shown}: is not a time zone; give a zone such as TZ=Europe/Berlin, or unset it"
        )]);
    }
}

#[test]
fn our_own_variables_win_over_the_file() {
    let file = "stop_timeout = \"3s\"\nwithout_drop = \"refuse\"\nlog = { format = \"tagged\", level = \"error\" }";
    let container = main_only()
        .container(file)
        .env("STEPDOWN_STOP_TIMEOUT", "25s")
        .env("STEPDOWN_WITHOUT_DROP", "run")
        .env("STEPDOWN_LOG", "debug")
        .env("STEPDOWN_LOG_FORMAT", "inherit")
        .env("STEPDOWN_SERVICES", "/more")
        .config()
        .container;
    assert_eq!(container.stop_timeout, Duration::from_secs(25));
    assert_eq!(container.without_drop, OnMissingPrivilege::Run);
    assert_eq!((container.level, container.log), (Level::Debug, LogFormat::Inherit));
}

#[test]
fn our_own_variables_are_checked() {
    main_only()
        .env("STEPDOWN_STOP_TIMEOUT", "8")
        .env("STEPDOWN_WITHOUT_DROP", "yes")
        .env("STEPDOWN_LOG", "loud")
        .env("STEPDOWN_LOG_FORMAT", "xml")
        .env("STEPDOWN_LGO", "debug")
        .env("STEPDOWN_XYZ", "1\n2")
        .assert_problems(&[
            "STEPDOWN_LGO=debug: unknown variable \"STEPDOWN_LGO\"; did you mean `STEPDOWN_LOG`?",
            "STEPDOWN_LOG=loud: \"loud\" is not one of its values; give one of \"error\", \"warn\", \"info\", \"debug\", or unset it",
            "STEPDOWN_LOG_FORMAT=xml: \"xml\" is not one of its values; give one of \"auto\", \"inherit\", \"tagged\", \"json\", or unset it",
            "STEPDOWN_STOP_TIMEOUT=8: \"8\" is not a duration; give a whole number and its unit (ms, s, m, h or d), at most 365d, \
             such as STEPDOWN_STOP_TIMEOUT=8s, or unset it",
            "STEPDOWN_WITHOUT_DROP=yes: \"yes\" is not one of its values; give one of \"run\", \"refuse\", or unset it",
            "STEPDOWN_XYZ=\"1\\n2\": unknown variable \"STEPDOWN_XYZ\"; the variables are: STEPDOWN_SERVICES, \
             STEPDOWN_STOP_TIMEOUT, STEPDOWN_WITHOUT_DROP, STEPDOWN_LOG, STEPDOWN_LOG_FORMAT",
        ]);
}

#[test]
fn a_neighbour_called_like_us_is_no_slip() {
    let names = [
        "STEPDOWN_DEMO_SERVICE_HOST",
        "STEPDOWN_SERVICE_PORT",
        "STEPDOWN_SERVICE_PORT_HTTP",
        "STEPDOWN_PORT",
        "STEPDOWN_PORT_80_TCP_ADDR",
    ];
    names.iter().fold(main_only(), |sources, name| sources.env(*name, "10.0.0.1")).config();
}

#[test]
fn every_variable_of_the_table_is_read() {
    for (name, meaning) in VARIABLES.iter().filter(|(name, _)| !["STEPDOWN_SERVICES", "FILE__NAME"].contains(name)) {
        let printed = main_only().env(*name, "\u{1}").problems();
        assert!(printed[0].starts_with(&format!("{name}=\"\\x01\": ")) && !meaning.is_empty(), "{printed:?}");
    }
}

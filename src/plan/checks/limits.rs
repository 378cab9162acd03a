//! Limits, niceness and `oom_score_adj` of services that need a capability. Must not know other capabilities.

use super::access_requirements;
use crate::config::service::{Limit, Service};
use crate::config::values::{CapSet, Capability, Uid};
use crate::plan::facts::Facts;
use crate::plan::finding::{Area, CauseKind, Check, Issue};
use crate::plan::fix::Fix;

/// Returns checks for the limits that can be set: one for each that needs a capability, otherwise one for all.
pub(super) fn granted(service: &Service, facts: &Facts) -> Vec<Check> {
    let name = access_requirements::tick(service);
    let can_raise = facts.permitted.has(Capability::SYS_RESOURCE);
    let raised = service.limits.iter().filter(|limit| can_raise && facts.is_above(limit));
    let raised: Vec<_> = raised
        .map(|limit| Check::ok(Area::Limit, format!("{name}: {}", limit.resource), "raised with SYS_RESOURCE"))
        .collect();
    let declared = !service.limits.is_empty() || service.nice.is_some() || service.oom_score_adj.is_some();
    if declared && raised.is_empty() && refused(service, facts).is_empty() {
        return vec![Check::ok(Area::Limit, name, "its limits and priorities are available")];
    }
    raised
}

/// Returns the limits that cannot be set, each with its subject.
pub(in crate::plan) fn refused(service: &Service, facts: &Facts) -> Vec<(String, Issue)> {
    let name = access_requirements::tick(service);
    let lacks = |capability| !facts.permitted.has(capability);
    let mut refused = Vec::new();
    for limit in service.limits.iter().filter(|limit| facts.is_above(limit) && lacks(Capability::SYS_RESOURCE)) {
        let what = limit.resource.to_string();
        let have = facts.hard_limits.get(&limit.resource).copied().flatten();
        let cause = format!("{} is above the hard limit {} of this container", hard(limit), number(have));
        let consequence = format!("{name} runs with {}", number(have));
        let issue = Issue { why: CauseKind::Capability, ..Issue::new(cause, consequence, ulimit(&what, limit, facts)) };
        refused.push((format!("{name}: {what}"), issue));
    }
    if let Some(nice) = service.nice.filter(|nice| *nice < facts.nice && lacks(Capability::SYS_NICE)) {
        let fix = granting(Capability::SYS_NICE, facts);
        let issue = Issue::lacking(Capability::SYS_NICE, format!("{name} runs with nice {}", facts.nice), fix);
        refused.push((format!("{name}: nice {nice}"), issue));
    }
    let lower = |score: &i32| *score < facts.oom_score_adj && lacks(Capability::SYS_RESOURCE);
    if let Some(score) = service.oom_score_adj.filter(lower) {
        let fix = Fix::settings(format!("--oom-score-adj {score}"), format!("oom_score_adj: {score}"), "")
            .or(granting(Capability::SYS_RESOURCE, facts));
        let consequence = format!("{name} runs with oom_score_adj {}", facts.oom_score_adj);
        let issue = Issue::lacking(Capability::SYS_RESOURCE, consequence, fix);
        refused.push((format!("{name}: oom_score_adj {score}"), issue));
    }
    refused
}

fn hard(limit: &Limit) -> String {
    number(limit.hard)
}

fn number(value: Option<u64>) -> String {
    value.map_or_else(|| "infinity".to_owned(), |value| value.to_string())
}

/// The fix: only root can be granted capabilities.
fn granting(capability: Capability, facts: &Facts) -> Fix {
    let fix = Fix::capabilities(CapSet::EMPTY.with(capability));
    if facts.uid == Uid::ROOT { fix } else { Fix::text(format!("start the container as root, with {fix}")) }
}

/// Returns the fix for a limit.
fn ulimit(what: &str, limit: &Limit, facts: &Facts) -> Fix {
    let number = |value: Option<u64>| value.map_or_else(|| "-1".to_owned(), |value| value.to_string());
    let (soft, hard) = (number(limit.soft), number(limit.hard));
    Fix::settings(
        format!("--ulimit {what}={soft}:{hard}"),
        format!("ulimits: {{ {what}: {{ soft: {soft}, hard: {hard} }} }}"),
        "",
    )
    .or(granting(Capability::SYS_RESOURCE, facts))
}

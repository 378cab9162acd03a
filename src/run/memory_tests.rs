//! How much of the heap one more service takes, with all that the event loop keeps of it: counted, because what the kernel
//! shows of a process comes in pages.
#![cfg(all(test, target_env = "gnu"))]

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use super::fd_watcher::FdWatcher;
use super::journal::Journal;
use super::notify_sockets::Sockets;
use super::service_entry::ServiceEntry;
use super::service_records::ServiceRecords;
use crate::config::service::Service;
use crate::config::values::{CapSet, Gid, Uid};
use crate::config::{self, Content, Sources, Tree};
use crate::control::service_index::ServiceIndex;
use crate::log::logs::Logs;
use crate::log::service_log::LogRoute;
use crate::plan::inherited::Inherited;
use crate::plan::{Credentials, Login, ServicePlan, TrustedWriters};
use crate::supervise::{EngineTime, Event, Setup, Supervisor};
use crate::sys::heap;

/// Bytes for one service more. A definition is kept once: the configuration, the plan and the event loop share it.
const BUDGET: usize = 2_400;

fn plan(service: &Service, login: &Rc<Login>) -> ServicePlan {
    let credentials =
        Credentials { uid: Uid(1), gid: Gid(1), groups: None, ambient: CapSet::EMPTY, no_new_privs: true };
    ServicePlan {
        name: service.name.clone(),
        credentials,
        program: "/usr/bin/web".into(),
        argv: vec!["/usr/bin/web".into()],
        interpreted: BTreeMap::new(),
        login: Rc::clone(login),
        skipped: None,
        held_back: Vec::new(),
        file_writers: TrustedWriters::Anybody,
        inherited: Inherited::All,
        secrets: Box::default(),
    }
}

/// Returns the bytes in use for that many services.
fn in_use_of(count: usize) -> usize {
    let before = heap::in_use();
    let file = |at| {
        let content = Content::File { bytes: b"command = [\"/usr/bin/web\"]\n".to_vec(), executable: false };
        (format!("service{at:04}.toml").into(), content)
    };
    let tree = Tree { path: "/t".into(), entries: (0..count).map(file).collect(), unreadable: None };
    let config = config::read(&Sources { trees: vec![tree], ..Sources::default() }).unwrap();
    let app = Rc::new(Login { home: "/".into(), user: "app".into() });
    let plans: Vec<Rc<ServicePlan>> = config.services.iter().map(|service| Rc::new(plan(service, &app))).collect();
    let entries = config.services.iter().zip(&plans).map(|(service, plan)| ServiceEntry {
        service: Rc::clone(service),
        plan: Rc::clone(plan),
        notify_variables: Vec::new(),
    });
    let mut watcher = FdWatcher::default();
    let records = ServiceRecords::new(entries.collect(), Sockets::new(), &mut watcher).unwrap();
    let none = BTreeSet::new();
    let setup = Setup::new(&config.services, &none, &none, None, Duration::from_secs(8));
    let index = ServiceIndex::new(&setup.specs);
    let mut supervisor = Supervisor::new(setup);
    let journal = Journal::begin(&supervisor, &[], EngineTime::default());
    let started = supervisor.step(EngineTime::default(), Event::Begin);
    let routes = config.services.iter().map(|service| LogRoute::Tagged(format!("{:20}", service.name).into()));
    let logs = Logs::new(routes.collect::<Vec<_>>());
    drop(started);
    let kept = heap::in_use() - before;
    drop((config, plans, records, index, supervisor, journal, logs));
    kept
}

#[test]
fn one_service_more_takes_few_bytes() {
    // What is allocated once is allocated by now.
    in_use_of(1);
    let (few, many) = (in_use_of(50), in_use_of(250));
    let each = (many - few) / 200;
    assert!(each <= BUDGET, "{each} bytes");
    assert!(each > BUDGET / 2, "{each} bytes: lower the budget");
}

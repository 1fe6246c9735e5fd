//! A node whose disk is full tells it, and goes on by itself when there is room.

#![cfg(test)]

use std::time::Duration;

use umec_e2e::disk::Disk;
use umec_e2e::node::{Node, Process};
use umec_e2e::{eventually, ledger};
use umec_wire::MessageId;

/// Longer than every time limit on the way.
const SOON: Duration = Duration::from_mins(1);

/// A mebibyte.
const MIB: u64 = 1 << 20;

#[test]
fn a_node_on_a_full_disk_tells_it_and_stores_readings_again_when_there_is_room() {
    let node = Node::on_disk(Disk::of(64 * MIB, 0), None, &[]);
    let before = eventually(SOON, || stored_after(&node, 0));
    let server = node.process("nats").pid;
    // Another program takes all that is left.
    let disk = node.disk().unwrap();
    disk.fill();
    is(&node, "nats", "unready", "the disk is full");
    is(&node, "modbus", "unready", "store");
    let during = stream(&node);
    assert!(during.len() >= before, "what is stored can be read");
    disk.clear();
    is(&node, "nats", "ready", "");
    is(&node, "modbus", "ready", "");
    eventually(SOON, || stored_after(&node, during.len()));
    let log = node.log();
    assert!(log.contains("the store is opened anew"), "{log}");
    // Nobody's connection was lost for it.
    assert_eq!(node.process("nats").pid, server, "{log}");
    let after = stream(&node);
    assert_eq!(ledger::missing(&during, &after), []);
    assert_eq!(ledger::doubled(&after), []);
    // What was sampled meanwhile was held by the plugins.
    assert_eq!(ledger::gaps(&after), Vec::<String>::new());
}

fn stream(node: &Node) -> Vec<MessageId> {
    ledger::kept(node).into_iter().map(|kept| kept.id).collect()
}

/// How many messages are stored, where that is some more than `before`.
fn stored_after(node: &Node, before: usize) -> Result<usize, String> {
    let stored = stream(node).len();
    if stored > before + 20 {
        Ok(stored)
    } else {
        Err(format!("{stored} are stored, {before} were before"))
    }
}

/// Waits until a process is in this state, with a reason that says `why`.
fn is(node: &Node, process: &str, state: &str, why: &str) {
    eventually(SOON, || {
        let status = node.status().ok_or("no status")?;
        let found = status.processes.into_iter().find(|p| p.name == process);
        let Process {
            state: is, reason, ..
        } = found.ok_or("no such process")?;
        let reason = reason.unwrap_or_default();
        if is == state && reason.contains(why) {
            Ok(())
        } else {
            Err(format!("{is}: {reason}"))
        }
    });
}

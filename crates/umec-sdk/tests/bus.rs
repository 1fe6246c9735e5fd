//! The contract of the bus: the same checks on the one in memory and on a real NATS server; and what is
//! true of a server alone: it can be killed.

#![cfg(test)]
#![cfg(feature = "nats")]

#[path = "bus/ahead.rs"]
mod ahead;
#[path = "bus/away.rs"]
mod away;
#[path = "bus/contract.rs"]
mod contract;
#[path = "bus/full.rs"]
mod full;
#[path = "bus/server.rs"]
mod server;
#[path = "bus/trust.rs"]
mod trust;

use contract::Setup;
use nkeys::KeyPair;
use umec_sdk::{Bus, Node};
use umec_spec::settings::Trust;
use umec_wire::NodeName;

async fn memory() -> Setup {
    let (pair, stranger) = (KeyPair::new_user(), KeyPair::new_user());
    let broker = Bus::memory();
    let user = |pair: &KeyPair, trust: &[Trust]| {
        let seed = pair.seed().unwrap();
        broker.as_user(&seed, trust).unwrap()
    };
    let bus = user(&pair, &[contract::trust(&pair)]);
    let stranger = user(&stranger, &[]);
    let node = Node::for_test(NodeName::new("pole-7").unwrap(), Some(bus.clone()));
    Setup::new(bus, stranger, node).await
}

macro_rules! on_memory {
    ($checks:ident: $($name:ident)*) => {$(
        #[tokio::test(start_paused = true)]
        async fn $name() {
            $checks::$name(memory().await).await;
        }
    )*};
}

mod in_memory {
    use super::{ahead, contract, memory, trust};

    on_memory! {
        contract:
        a_published_message_is_followed_as_it_was_sent
        a_message_id_is_stored_once
        a_follow_begins_where_it_is_told
        history_ends_where_the_stream_ended
        a_filter_chooses_devices_and_targets
        a_cursor_begins_after_what_was_acknowledged
        an_outbox_delivers_everything_in_order
        a_command_ends_in_its_result
        a_command_that_nobody_takes_is_told_at_once
        the_bounds_tell_what_the_stream_holds
    }
    on_memory! {
        ahead:
        a_cursor_reads_what_is_live_ahead_of_what_has_piled_up
        a_cursor_that_was_held_up_ahead_leaps_and_fills_the_gap_in_order
    }
    on_memory! {
        trust:
        a_message_of_a_stranger_is_skipped
        a_command_of_a_stranger_is_refused
    }
}

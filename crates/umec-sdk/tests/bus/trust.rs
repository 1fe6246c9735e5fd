//! What every bus must do with messages and commands of somebody who is not believed.

use umec_sdk::bus::{CommandError, Filter, Start};
use umec_wire::Label;
use umec_wire::command::Outcome;

use super::contract::{Setup, command};

pub(crate) async fn a_message_of_a_stranger_is_skipped(setup: Setup) {
    let stranger = Setup {
        bus: setup.stranger.clone(),
        stranger: setup.bus.clone(),
        node: setup.node.clone(),
    };
    stranger.publish("a", 1).await;
    setup.publish("a", 2).await;
    stranger.publish("a", 3).await;
    let seen = setup.history(Start::First, Filter::default()).await;
    assert_eq!(seen, [(2, "a".to_owned(), 2)]);
    let name = Label::new("uplink").unwrap();
    let mut cursor = setup.bus.cursor(&name, Filter::default()).await.unwrap();
    assert_eq!(cursor.next().await.unwrap().sequence, 2);
    assert_eq!(cursor.unacknowledged(), 1);
}

pub(crate) async fn a_command_of_a_stranger_is_refused(setup: Setup) {
    let (topic, request) = command(&setup, "c-3");
    let commands = setup.bus.commands(&topic.node, &topic.device).await;
    let mut commands = commands.unwrap();
    // The server may hear of the listener after it hears of the command.
    let asked = async {
        loop {
            match setup.stranger.command(&topic, &request).await {
                Err(CommandError::NobodyListens { .. }) => tokio::task::yield_now().await,
                result => break result.unwrap(),
            }
        }
    };
    tokio::select! {
        result = asked => {
            assert_eq!(result.outcome, Outcome::Refused);
            assert_eq!(result.reason.unwrap().code.as_str(), "untrusted");
        }
        incoming = commands.next() => panic!("it was let in: {incoming:?}"),
    }
}

use super::*;

const NATS: PartId = PartId(0);
const PLUGIN: PartId = PartId(1);
const API: PartId = PartId(2);
const GRACE: Duration = Duration::from_secs(5);

fn at(millis: u64) -> Moment {
    Duration::from_millis(millis)
}

fn supervisor() -> Supervisor {
    Supervisor::new([Rank(0), Rank(2), Rank(1)], GRACE)
}

fn all_ready() -> Supervisor {
    let mut supervisor = supervisor();
    for id in [NATS, PLUGIN, API] {
        assert_eq!(
            supervisor.handle(Event::Released(id), at(0)),
            [Action::Start(id)]
        );
        supervisor.handle(Event::Probed(id, Ok(())), at(0));
        assert_eq!(*supervisor.state(id), State::Ready);
    }
    supervisor
}

#[test]
fn a_process_waits_until_what_it_needs_is_there_and_starts_once() {
    let mut supervisor = supervisor();
    assert_eq!(supervisor.handle(Event::Tick, at(0)), []);
    assert_eq!(
        supervisor.handle(Event::Released(NATS), at(1)),
        [Action::Start(NATS)]
    );
    assert_eq!(supervisor.handle(Event::Released(NATS), at(2)), []);
}

#[test]
fn a_process_that_ends_is_started_again_after_pauses_that_double_up_to_a_bound() {
    let mut supervisor = all_ready();
    let mut now = at(0);
    for pause in [250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000] {
        let actions = supervisor.handle(Event::Ended(PLUGIN, "exit code 1".into()), now);
        assert_eq!(actions, []);
        assert_eq!(supervisor.next_wake(), Some(now + at(pause)));
        assert_eq!(
            supervisor.handle(Event::Tick, now + at(pause - 1)),
            [],
            "{pause}"
        );
        now += at(pause);
        assert_eq!(supervisor.handle(Event::Tick, now), [Action::Start(PLUGIN)]);
    }
    assert_eq!(supervisor.restarts(PLUGIN), 9);
}

#[test]
fn a_process_that_was_ready_for_long_begins_again_with_the_first_pause() {
    let mut supervisor = all_ready();
    supervisor.handle(Event::Ended(PLUGIN, "killed".into()), at(0));
    supervisor.handle(Event::Tick, at(250));
    supervisor.handle(Event::Probed(PLUGIN, Ok(())), at(300));
    supervisor.handle(Event::Probed(PLUGIN, Ok(())), at(10_300));
    supervisor.handle(Event::Ended(PLUGIN, "killed".into()), at(11_000));
    assert_eq!(supervisor.next_wake(), Some(at(11_250)));
}

#[test]
fn a_process_tells_why_it_is_not_ready_and_recovers() {
    let mut supervisor = all_ready();
    let away = || Event::Probed(API, Err("the bus is away".into()));
    supervisor.handle(away(), at(5));
    assert_eq!(
        supervisor.state(API),
        &State::Unready("the bus is away".into())
    );
    assert_eq!(supervisor.state(API).reason(), Some("the bus is away"));
    supervisor.handle(Event::Probed(API, Ok(())), at(6));
    assert_eq!(supervisor.state(API), &State::Ready);
}

#[test]
fn stopping_goes_by_rank_and_waits_for_each() {
    let mut supervisor = all_ready();
    let ended = |id| Event::Ended(id, "exit code 0".into());
    assert_eq!(
        supervisor.handle(Event::Stop, at(0)),
        [Action::Terminate(PLUGIN)]
    );
    assert_eq!(
        supervisor.handle(ended(PLUGIN), at(10)),
        [Action::Terminate(API)]
    );
    assert_eq!(
        supervisor.handle(ended(API), at(20)),
        [Action::Terminate(NATS)]
    );
    assert!(!supervisor.is_done());
    assert_eq!(supervisor.handle(ended(NATS), at(30)), []);
    assert!(supervisor.is_done());
}

#[test]
fn a_process_of_lower_rank_that_ends_early_does_not_hurry_the_rest() {
    let mut supervisor = all_ready();
    supervisor.handle(Event::Stop, at(0));
    let early = supervisor.handle(Event::Ended(API, "killed".into()), at(1));
    assert_eq!(early, []);
    assert_eq!(
        supervisor.handle(Event::Ended(PLUGIN, "exit code 0".into()), at(2)),
        [Action::Terminate(NATS)]
    );
}

#[test]
fn a_process_that_does_not_end_in_time_is_killed() {
    let mut supervisor = all_ready();
    supervisor.handle(Event::Stop, at(0));
    assert_eq!(supervisor.next_wake(), Some(GRACE));
    assert_eq!(
        supervisor.handle(Event::Tick, GRACE),
        [Action::Kill(PLUGIN)]
    );
}

#[test]
fn a_second_stop_kills_everything_at_once() {
    let mut supervisor = all_ready();
    supervisor.handle(Event::Stop, at(0));
    assert_eq!(
        supervisor.handle(Event::Stop, at(1)),
        [NATS, PLUGIN, API].map(Action::Kill)
    );
    for id in [NATS, PLUGIN, API] {
        supervisor.handle(Event::Ended(id, "killed".into()), at(2));
    }
    assert!(supervisor.is_done());
}

#[test]
fn nothing_is_started_while_all_is_stopping() {
    let mut supervisor = all_ready();
    supervisor.handle(Event::Ended(PLUGIN, "exit code 1".into()), at(0));
    supervisor.handle(Event::Stop, at(1));
    assert_eq!(*supervisor.state(PLUGIN), State::Stopped);
    assert_eq!(supervisor.handle(Event::Tick, at(4_000)), []);
    assert_eq!(supervisor.handle(Event::Released(PLUGIN), at(4_000)), []);
}

#[test]
fn stopping_before_anything_runs_is_done_at_once() {
    let mut supervisor = supervisor();
    assert_eq!(supervisor.handle(Event::Stop, at(0)), []);
    assert!(supervisor.is_done());
}

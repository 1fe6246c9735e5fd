//! Switches of one modem's carrier: one at a time, since its answers do not say what they answer.
//!
//! A packet that was sent may be answered late, after the request has ended. So the next request waits
//! until as many answers have come as packets were sent, or until answers can be expected no more.
//! What is left: an answer that takes longer still, and is a NACK, counts for the request after.

use std::collections::VecDeque;
use std::time::Duration;

use umec_spec::settings::original::Switch;
use umec_wire::Timestamp;
use umec_wire::original::{Answer, Carrier, Verdict};
use umec_wire::uplink::Now;

use super::Place;

/// The requests to one modem, in their order.
#[derive(Debug, Default)]
pub(super) struct Switching {
    waiting: VecDeque<Request>,
    pending: Option<Pending>,
    /// Packets that were sent for requests that have ended and are not answered.
    owed: u32,
    /// When no answer to them is expected any more.
    settled: Duration,
}

#[derive(Debug)]
struct Request {
    place: Place,
    carrier: Carrier,
    expires: Timestamp,
}

#[derive(Debug)]
struct Pending {
    place: Place,
    carrier: Carrier,
    sent: u32,
    next: Duration,
    deadline: Duration,
}

/// What is due.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Tell the modem.
    Send(Carrier),
    /// It was told and has not answered: nobody knows whether it switched.
    Silent { place: Place, sent: u32 },
    /// It was never told.
    Expired { place: Place, text: &'static str },
}

/// What an answer means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// It ends this request.
    Ends(Place),
    /// It answers a request that has ended.
    Late,
    /// It answers nothing.
    Unasked,
}

// === impl Switching ===

impl Switching {
    /// Takes a request; those before it come first.
    pub(super) fn ask(&mut self, place: Place, carrier: Carrier, expires: Timestamp) {
        self.waiting.push_back(Request {
            place,
            carrier,
            expires,
        });
    }

    /// Takes an answer.
    pub(super) fn answer(&mut self, now: Duration, answer: Answer, retry: Duration) -> Heard {
        let fits = |pending: &mut Pending| {
            let is_reached = answer.carrier == pending.carrier;
            pending.sent > 0 && (answer.verdict == Verdict::Nack || is_reached)
        };
        if let Some(pending) = self.pending.take_if(fits) {
            self.owed = pending.sent - 1;
            self.settled = now + retry;
            return Heard::Ends(pending.place);
        }
        if self.owed > 0 || self.pending.is_some() {
            self.owed = self.owed.saturating_sub(1);
            return Heard::Late;
        }
        Heard::Unasked
    }

    /// The next thing that is due, until there is none.
    pub(super) fn poll(&mut self, now: Now, is_reachable: bool, settings: Switch) -> Option<Step> {
        let retry = settings.retry.duration();
        if let Some(pending) = self.pending.as_mut() {
            if now.steady >= pending.deadline {
                let (place, sent) = (pending.place, pending.sent);
                self.pending = None;
                if sent == 0 {
                    let text = "the modem was not heard";
                    return Some(Step::Expired { place, text });
                }
                self.owed = sent;
                self.settled = now.steady + retry;
                return Some(Step::Silent { place, sent });
            }
            if is_reachable && now.steady >= pending.next {
                pending.sent += 1;
                pending.next = now.steady + retry;
                return Some(Step::Send(pending.carrier));
            }
            return None;
        }
        if self.owed > 0 && now.steady < self.settled {
            return None;
        }
        let request = self.waiting.pop_front()?;
        self.owed = 0;
        if now.wall > request.expires {
            let (place, text) = (request.place, "the request is too old");
            return Some(Step::Expired { place, text });
        }
        self.pending = Some(Pending {
            place: request.place,
            carrier: request.carrier,
            sent: 0,
            next: now.steady,
            deadline: now.steady + settings.deadline.duration(),
        });
        self.poll(now, is_reachable, settings)
    }

    /// When something is due.
    pub(super) fn wake(&self, is_reachable: bool) -> Duration {
        match &self.pending {
            Some(pending) if is_reachable => pending.next.min(pending.deadline),
            Some(pending) => pending.deadline,
            None if self.waiting.is_empty() => Duration::MAX,
            None if self.owed > 0 => self.settled,
            None => Duration::ZERO,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RETRY: Duration = Duration::from_secs(2);

    fn at(seconds: u64) -> Now {
        Now {
            steady: Duration::from_secs(seconds),
            wall: Timestamp::from_millis(i64::try_from(seconds).unwrap() * 1_000),
        }
    }

    fn ack(carrier: Carrier) -> Answer {
        let verdict = Verdict::Ack;
        Answer { verdict, carrier }
    }

    fn nack(carrier: Carrier) -> Answer {
        let verdict = Verdict::Nack;
        Answer { verdict, carrier }
    }

    fn asked(carriers: &[Carrier]) -> Switching {
        let mut switching = Switching::default();
        for (offset, carrier) in (0..).zip(carriers) {
            switching.ask((0, offset), *carrier, Timestamp::from_millis(300_000));
        }
        switching
    }

    fn poll(switching: &mut Switching, seconds: u64) -> Option<Step> {
        switching.poll(at(seconds), true, Switch::default())
    }

    fn hear(switching: &mut Switching, seconds: u64, answer: Answer) -> Heard {
        switching.answer(Duration::from_secs(seconds), answer, RETRY)
    }

    #[test]
    fn requests_are_performed_one_after_the_other() {
        let mut switching = asked(&[Carrier::Verizon, Carrier::Att]);
        assert_eq!(poll(&mut switching, 0), Some(Step::Send(Carrier::Verizon)));
        assert_eq!(poll(&mut switching, 1), None);
        assert_eq!(
            hear(&mut switching, 1, ack(Carrier::Verizon)),
            Heard::Ends((0, 0))
        );
        assert_eq!(poll(&mut switching, 1), Some(Step::Send(Carrier::Att)));
        assert_eq!(
            hear(&mut switching, 2, nack(Carrier::Verizon)),
            Heard::Ends((0, 1))
        );
        assert_eq!(poll(&mut switching, 9), None);
        assert_eq!(switching.wake(true), Duration::MAX);
    }

    #[test]
    fn a_modem_that_does_not_answer_is_told_again_and_then_given_up() {
        let mut switching = asked(&[Carrier::Verizon]);
        let mut sent = 0;
        for second in 0..20 {
            match poll(&mut switching, second) {
                Some(Step::Send(Carrier::Verizon)) => sent += 1,
                other => assert_eq!(other, None),
            }
        }
        assert_eq!(sent, 10);
        let place = (0, 0);
        assert_eq!(poll(&mut switching, 20), Some(Step::Silent { place, sent }));
    }

    #[test]
    fn a_late_answer_does_not_count_for_the_next_request() {
        let mut switching = asked(&[Carrier::Verizon, Carrier::Att]);
        for second in 0..20 {
            poll(&mut switching, second);
        }
        assert!(matches!(
            poll(&mut switching, 20),
            Some(Step::Silent { .. })
        ));
        assert_eq!(
            poll(&mut switching, 21),
            None,
            "answers may be on their way"
        );
        assert_eq!(hear(&mut switching, 21, nack(Carrier::Att)), Heard::Late);
        assert_eq!(poll(&mut switching, 22), Some(Step::Send(Carrier::Att)));
        assert_eq!(hear(&mut switching, 23, ack(Carrier::Verizon)), Heard::Late);
        assert_eq!(
            hear(&mut switching, 24, ack(Carrier::Att)),
            Heard::Ends((0, 1))
        );
        assert_eq!(hear(&mut switching, 60, ack(Carrier::Att)), Heard::Unasked);
    }

    #[test]
    fn what_is_too_old_or_reaches_nobody_is_not_performed() {
        let mut switching = asked(&[Carrier::Verizon, Carrier::Att]);
        assert_eq!(switching.poll(at(0), false, Switch::default()), None);
        let expired = switching.poll(at(20), false, Switch::default());
        assert!(matches!(expired, Some(Step::Expired { place: (0, 0), .. })));
        let expired = poll(&mut switching, 301);
        assert!(matches!(expired, Some(Step::Expired { place: (0, 1), .. })));
    }
}

use super::*;

const SECOND: Duration = Duration::from_secs(1);

const fn due(group: usize, device: usize, skipped: u64) -> Due {
    Due {
        group,
        device,
        skipped,
    }
}

#[test]
fn metrics_with_one_interval_are_read_together() {
    let start = Instant::now();
    let devices = [vec![SECOND, 10 * SECOND, SECOND], vec![SECOND]];
    let mut schedule = Schedule::new(&devices, 0, start);
    assert_eq!(schedule.take(start), Some(due(0, 0, 0)));
    assert_eq!(schedule.metrics(0), [0, 2]);
    assert_eq!(schedule.take(start), Some(due(1, 0, 0)));
    assert_eq!(schedule.metrics(1), [1]);
    assert_eq!(schedule.take(start), Some(due(2, 1, 0)));
    assert_eq!(schedule.take(start), None);
    let second = start + SECOND.mul_f64(phase(1));
    assert_eq!(schedule.next(start), Some(second));
    schedule.once_more(0, 2);
    assert_eq!(schedule.next(start), Some(start));
    assert_eq!(schedule.take(start), Some(due(0, 0, 0)));
    assert_eq!(schedule.next(start), Some(second));
}

#[test]
fn a_late_tick_is_skipped_and_the_next_one_is_on_time() {
    let start = Instant::now();
    let mut schedule = Schedule::new(&[vec![SECOND]], 0, start);
    assert_eq!(schedule.take(start), Some(due(0, 0, 0)));
    let late = start + 3 * SECOND + SECOND / 2;
    assert_eq!(schedule.take(late), Some(due(0, 0, 2)));
    assert_eq!(schedule.take(late), None);
    assert_eq!(schedule.next(late), Some(start + 4 * SECOND));
}

#[test]
fn a_slow_group_does_not_starve_the_others() {
    let start = Instant::now();
    let devices = [vec![SECOND], vec![SECOND]];
    let mut schedule = Schedule::new(&devices, 0, start);
    let mut reads = [0, 0];
    let mut now = start;
    while now < start + 20 * SECOND {
        if let Some(due) = schedule.take(now) {
            reads[due.device] += 1;
            now += 2 * SECOND;
        } else {
            now += SECOND / 10;
        }
    }
    assert_eq!(reads, [5, 5]);
}

#[test]
fn a_device_on_hold_is_left_in_peace() {
    let start = Instant::now();
    let mut schedule = Schedule::new(&[vec![SECOND], vec![SECOND]], 0, start);
    schedule.hold(0, start + 5 * SECOND);
    assert_eq!(schedule.take(start), Some(due(1, 1, 0)));
    assert_eq!(schedule.take(start), None);
    schedule.release(0, start);
    assert_eq!(schedule.take(start), Some(due(0, 0, 0)));
}

#[test]
fn devices_with_one_interval_take_turns_after_their_first_reading() {
    const DEVICES: u32 = 100;
    let start = Instant::now();
    let devices: Vec<_> = (0..DEVICES).map(|_| vec![SECOND]).collect();
    let mut schedule = Schedule::new(&devices, 0, start);
    for _ in 0..DEVICES {
        assert!(schedule.take(start).is_some(), "each is read at once");
    }
    let mut times = Vec::new();
    while let Some(next) = schedule.next(start).filter(|next| *next <= start + SECOND) {
        times.push(next);
        assert_eq!(schedule.take(next).map(|due| due.skipped), Some(0));
    }
    assert_eq!(
        times.len(),
        devices.len(),
        "each is read once in an interval"
    );
    let gaps = times.windows(2).map(|pair| pair[1].duration_since(pair[0]));
    let (least, most) = gaps.fold((SECOND, Duration::ZERO), |(least, most), gap| {
        (least.min(gap), most.max(gap))
    });
    assert!(least > SECOND / DEVICES / 3, "{least:?}");
    assert!(most < SECOND / DEVICES * 3, "{most:?}");
}

/// The times at which devices are read up to `end`, taken as soon as they are due.
fn times(schedule: &mut Schedule, mut now: Instant, end: Instant) -> Vec<(usize, Instant)> {
    let mut times = Vec::new();
    while let Some(next) = schedule.next(now).filter(|next| *next <= end) {
        now = now.max(next);
        let due = schedule.take(now).unwrap();
        assert_eq!(due.skipped, 0);
        times.push((due.device, now));
    }
    times
}

#[test]
fn another_interval_holds_at_once_without_a_burst_and_without_drift() {
    let start = Instant::now();
    let day = 86_400 * SECOND;
    let devices = [vec![SECOND, day], vec![SECOND]];
    let mut schedule = Schedule::new(&devices, 0, start);
    times(&mut schedule, start, start + 10 * SECOND);
    for (every, now) in [(SECOND / 100, 10), (SECOND / 2, 20), (3 * SECOND, 30)] {
        let (now, end) = (start + now * SECOND, start + (now + 10) * SECOND);
        schedule.set_every(0, Some(every), now);
        let read = times(&mut schedule, now, end);
        let own: Vec<_> = read
            .iter()
            .filter(|(d, _)| *d == 0)
            .map(|(_, at)| *at)
            .collect();
        assert!(own[0] > now && own[0] <= now + every, "{every:?}");
        let exact = own.windows(2).all(|pair| pair[1] - pair[0] == every);
        assert!(exact, "{every:?}: {own:?}");
        assert_eq!(read.iter().filter(|(d, _)| *d == 1).count(), 10);
        let group = schedule.group(0, 0).unwrap();
        assert_eq!(schedule.metrics(group), [0, 1], "read together");
    }
    let now = start + 40 * SECOND;
    schedule.set_every(0, None, now);
    let read = times(&mut schedule, now, start + 50 * SECOND);
    assert_eq!(read.iter().filter(|(d, _)| *d == 0).count(), 10);
    assert_eq!(schedule.metrics(schedule.group(0, 1).unwrap()), [1]);
}

#[test]
fn devices_that_are_told_one_interval_still_take_turns() {
    const DEVICES: u32 = 100;
    let start = Instant::now();
    let devices: Vec<_> = (0..DEVICES).map(|_| vec![7 * SECOND]).collect();
    let mut schedule = Schedule::new(&devices, 0, start);
    times(&mut schedule, start, start + 70 * SECOND);
    let now = start + 70 * SECOND;
    for device in 0..devices.len() {
        schedule.set_every(device, Some(SECOND), now);
    }
    let read = times(&mut schedule, now, now + SECOND);
    assert_eq!(read.len(), devices.len());
    let gaps = read.windows(2).map(|pair| pair[1].1 - pair[0].1);
    assert!(gaps.min().unwrap() > SECOND / DEVICES / 3);
}

#[test]
fn a_dead_device_on_hold_is_left_in_peace_whatever_its_interval() {
    let start = Instant::now();
    let mut schedule = Schedule::new(&[vec![SECOND]], 0, start);
    assert_eq!(schedule.take(start), Some(due(0, 0, 0)));
    schedule.hold(0, start + 8 * SECOND);
    schedule.set_every(0, Some(SECOND / 10), start + SECOND);
    assert_eq!(schedule.next(start), Some(start + 8 * SECOND));
    schedule.release(0, start + 2 * SECOND);
    assert_eq!(schedule.next(start), Some(start + 2 * SECOND));
}

#[test]
fn what_is_read_out_of_turn_is_so_after_a_change_too() {
    let start = Instant::now();
    let mut schedule = Schedule::new(&[vec![SECOND, 2 * SECOND], vec![SECOND]], 0, start);
    times(&mut schedule, start, start + SECOND);
    schedule.once_more(0, 1);
    schedule.set_every(0, Some(5 * SECOND), start + SECOND);
    let now = start + SECOND;
    let due = schedule.take(now).unwrap();
    assert_eq!(
        (due.device, schedule.metrics(due.group)),
        (0, [0, 1].as_slice())
    );
    assert!(schedule.next(now).unwrap() > now);
}

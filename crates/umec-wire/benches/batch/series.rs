//! Series as devices make them, drawn from a fixed seed.

use umec_wire::{Reading, Timestamp, Value};

/// What is measured: its name, and the readings of each message.
pub(crate) struct Recording {
    pub(crate) name: &'static str,
    pub(crate) messages: Vec<Vec<Reading>>,
    /// How many devices share it, one message each by turns.
    pub(crate) devices: usize,
}

const MESSAGES: u32 = 20_000;

/// 2026-11-21T09:30:00Z
const BEGIN: i64 = 1_795_253_400_000_000;

/// Randomness that is the same each time (xorshift64*, Vigna 2016).
struct Dice(u64);

pub(crate) fn all() -> Vec<Recording> {
    vec![
        thermometer("thermometer, steps of 0.1, every 10 s", 1),
        thermometer("a hundred thermometers, every 10 s", 100),
        energy(),
        vibration(),
        bursts(),
        door(),
        irregular(),
        meter(),
    ]
}

/// A room's temperature in steps of 0.1; timers are a few hundred microseconds late.
fn thermometer(name: &'static str, devices: usize) -> Recording {
    let mut dice = Dice(1);
    let mut tenths = 215;
    let messages = each(|place| {
        if dice.below(4) == 0 {
            tenths += i64::from(dice.below(2) == 0) * 2 - 1;
        }
        let shift = i64::from(place) / i64::try_from(devices).unwrap_or(1);
        let time = BEGIN + shift * 10_000_000 + late(&mut dice);
        vec![reading(
            "temperature",
            Some("Cel"),
            time,
            whole(tenths) / 10.0,
        )]
    });
    Recording {
        name,
        messages,
        devices,
    }
}

/// A counter of energy in watt hours.
fn energy() -> Recording {
    let mut dice = Dice(2);
    let mut counter = 4_711_083;
    let messages = each(|place| {
        counter += 40 + i64::from(dice.below(21));
        let time = BEGIN + i64::from(place) * 10_000_000 + late(&mut dice);
        vec![reading("energy", Some("Wh"), time, whole(counter))]
    });
    Recording {
        name: "energy counter, every 10 s",
        messages,
        devices: 1,
    }
}

/// What a sensor with 32-bit floats tells of a machine's vibration: all bits of the mantissa are noise.
fn vibration() -> Recording {
    let mut dice = Dice(3);
    let messages = each(|place| {
        let time = BEGIN + i64::from(place) * 100_000 + late(&mut dice);
        #[expect(clippy::cast_possible_truncation, reason = "as the sensor does")]
        let single = (0.3 + 0.05 * dice.normal()) as f32;
        vec![reading("velocity", Some("m/s"), time, f64::from(single))]
    });
    Recording {
        name: "vibration, singles, noise to the last bit",
        messages,
        devices: 1,
    }
}

/// The same from a sensor that collects a few samples between two reads, at its own rate.
fn bursts() -> Recording {
    let mut dice = Dice(7);
    let messages = each(|place| {
        let time = BEGIN + i64::from(place) * 800_000 + late(&mut dice);
        let sample = |place: i64| {
            #[expect(clippy::cast_possible_truncation, reason = "as the sensor does")]
            let single = (0.3 + 0.05 * dice.normal()) as f32;
            reading(
                "velocity",
                Some("m/s"),
                time + place * 100_000,
                f64::from(single),
            )
        };
        (0..8).map(sample).collect()
    });
    Recording {
        name: "vibration, singles, eight at a time",
        messages,
        devices: 1,
    }
}

/// A door that now and then opens for a while.
fn door() -> Recording {
    let mut dice = Dice(4);
    let mut open = false;
    let messages = each(|place| {
        if dice.below(if open { 20 } else { 200 }) == 0 {
            open = !open;
        }
        let time = BEGIN + i64::from(place) * 1_000_000 + late(&mut dice);
        vec![Reading {
            value: Value::Boolean(open),
            ..reading("open", None, time, 0.0)
        }]
    });
    Recording {
        name: "door, boolean, every second",
        messages,
        devices: 1,
    }
}

/// A count that is told when something happens, to the microsecond.
fn irregular() -> Recording {
    let mut dice = Dice(5);
    let mut time = BEGIN;
    let mut count = 0;
    let messages = each(|_| {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "microseconds of some seconds"
        )]
        let pause = (-dice.uniform().ln() * 5e6) as i64;
        time += pause;
        count += 1 + i64::from(dice.below(3));
        vec![reading("passages", None, time, whole(count))]
    });
    Recording {
        name: "passages, at irregular times",
        messages,
        devices: 1,
    }
}

/// An energy meter: three phases, their sum and the counter.
fn meter() -> Recording {
    let mut dice = Dice(6);
    let mut counter = 998_211;
    let mut amperes = [512_i64, 33, 1_204];
    let messages = each(|place| {
        let time = BEGIN + i64::from(place) * 1_000_000 + late(&mut dice);
        let mut readings = Vec::new();
        let mut watts = 0;
        for (phase, ampere) in amperes.iter_mut().enumerate() {
            *ampere = (*ampere + i64::from(dice.below(5)) - 2).max(0);
            let volt = 2_300 + i64::from(dice.below(9)) - 4;
            watts += volt * *ampere / 1_000;
            let names = [("u1", "i1"), ("u2", "i2"), ("u3", "i3")];
            let (u, i) = names[phase];
            readings.push(reading(u, Some("V"), time, whole(volt) / 10.0));
            readings.push(reading(i, Some("A"), time, whole(*ampere) / 100.0));
        }
        counter += watts / 3_600;
        readings.push(reading("power", Some("W"), time, whole(watts)));
        readings.push(reading("energy", Some("Wh"), time, whole(counter)));
        readings
    });
    Recording {
        name: "meter, eight metrics, every second",
        messages,
        devices: 1,
    }
}

fn each(message: impl FnMut(u32) -> Vec<Reading>) -> Vec<Vec<Reading>> {
    (0..MESSAGES).map(message).collect()
}

fn reading(name: &str, unit: Option<&str>, micros: i64, number: f64) -> Reading {
    Reading {
        series: name.parse().expect("a series"),
        time: Timestamp::from_micros(micros),
        unit: unit.map(|unit| unit.parse().expect("a unit")),
        value: Value::number(number).expect("finite"),
    }
}

#[expect(clippy::cast_precision_loss, reason = "below 2^53")]
fn whole(number: i64) -> f64 {
    number as f64
}

/// How late a timer of a busy machine is, in microseconds.
fn late(dice: &mut Dice) -> i64 {
    80 + i64::from(dice.below(300)) + if dice.below(50) == 0 { 4_000 } else { 0 }
}

// === impl Dice ===

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, limit: u64) -> u32 {
        u32::try_from((self.next() >> 32) % limit).unwrap_or(0)
    }

    /// Above 0 and up to 1.
    #[expect(clippy::cast_precision_loss, reason = "53 bits")]
    fn uniform(&mut self) -> f64 {
        ((self.next() >> 11) + 1) as f64 / 9_007_199_254_740_992.0
    }

    /// Box and Muller, 1958.
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * self.uniform().ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

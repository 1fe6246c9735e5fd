//! The registry of units: RFC 8428 section 12.1, RFC 8798 sections 2 and 3, and what IANA has added since.

/// One unit as it is registered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    /// The symbol on the wire.
    pub(super) symbol: &'static str,
    /// The unit in words.
    pub(super) name: &'static str,
    /// What it is besides a unit of SI.
    pub(super) rank: Rank,
}

/// How a unit stands in the registry.
#[derive(Debug, Clone, Copy)]
pub(super) enum Rank {
    /// A primary unit.
    Primary,
    /// A primary unit that new senders should not use (an asterisk in the registry).
    Discouraged,
    /// A secondary unit: a value times `scale` plus `offset` is one in the primary unit.
    Secondary {
        primary: &'static str,
        scale: f64,
        offset: f64,
    },
}

const fn primary(symbol: &'static str, name: &'static str) -> Entry {
    Entry {
        symbol,
        name,
        rank: Rank::Primary,
    }
}

const fn discouraged(symbol: &'static str, name: &'static str) -> Entry {
    Entry {
        symbol,
        name,
        rank: Rank::Discouraged,
    }
}

const fn secondary(
    symbol: &'static str,
    name: &'static str,
    primary: &'static str,
    scale: f64,
) -> Entry {
    Entry {
        symbol,
        name,
        rank: Rank::Secondary {
            primary,
            scale,
            offset: 0.0,
        },
    }
}

/// All units: the primary ones first, each in the order of the registry.
pub(super) const REGISTRY: &[Entry] = &[
    primary("m", "meter"),
    primary("kg", "kilogram"),
    discouraged("g", "gram"),
    primary("s", "second"),
    primary("A", "ampere"),
    primary("K", "kelvin"),
    primary("cd", "candela"),
    primary("mol", "mole"),
    primary("Hz", "hertz"),
    primary("rad", "radian"),
    primary("sr", "steradian"),
    primary("N", "newton"),
    primary("Pa", "pascal"),
    primary("J", "joule"),
    primary("W", "watt"),
    primary("C", "coulomb"),
    primary("V", "volt"),
    primary("F", "farad"),
    primary("Ohm", "ohm"),
    primary("S", "siemens"),
    primary("Wb", "weber"),
    primary("T", "tesla"),
    primary("H", "henry"),
    primary("Cel", "degrees Celsius"),
    primary("lm", "lumen"),
    primary("lx", "lux"),
    primary("Bq", "becquerel"),
    primary("Gy", "gray"),
    primary("Sv", "sievert"),
    primary("kat", "katal"),
    primary("m2", "square meter (area)"),
    primary("m3", "cubic meter (volume)"),
    discouraged("l", "liter (volume)"),
    primary("m/s", "meter per second (velocity)"),
    primary("m/s2", "meter per square second (acceleration)"),
    primary("m3/s", "cubic meter per second (flow rate)"),
    discouraged("l/s", "liter per second (flow rate)"),
    primary("W/m2", "watt per square meter (irradiance)"),
    primary("cd/m2", "candela per square meter (luminance)"),
    primary("bit", "bit (information content)"),
    primary("bit/s", "bit per second (data rate)"),
    primary("lat", "degrees latitude"),
    primary("lon", "degrees longitude"),
    primary("pH", "pH value (acidity; logarithmic quantity)"),
    primary("dB", "decibel (logarithmic quantity)"),
    primary("dBW", "decibel relative to 1 W (power level)"),
    discouraged("Bspl", "bel (sound pressure level; logarithmic quantity)"),
    primary("count", "1 (counter value)"),
    primary("/", "1 (ratio, e.g. value of a switch)"),
    discouraged("%", "1 (ratio, e.g. value of a switch)"),
    primary("%RH", "percentage (relative humidity)"),
    primary("%EL", "percentage (remaining battery energy level)"),
    primary("EL", "seconds (remaining battery energy level)"),
    primary("1/s", "1 per second (event rate)"),
    discouraged("1/min", "1 per minute (event rate, \"rpm\")"),
    discouraged("beat/min", "1 per minute (heart rate in beats per minute)"),
    discouraged("beats", "1 (cumulative number of heart beats)"),
    primary("S/m", "siemens per meter (conductivity)"),
    primary("B", "byte (information content)"),
    primary("VA", "volt-ampere (apparent power)"),
    primary("VAs", "volt-ampere second (apparent energy)"),
    primary("var", "volt-ampere reactive (reactive power)"),
    primary("vars", "volt-ampere-reactive second (reactive energy)"),
    primary("J/m", "joule per meter (energy per distance)"),
    primary(
        "kg/m3",
        "kilogram per cubic meter (mass density, mass concentration)",
    ),
    discouraged("deg", "degree (angle)"),
    primary("NTU", "nephelometric turbidity unit"),
    secondary("ms", "millisecond", "s", 1e-3),
    secondary("min", "minute", "s", 60.0),
    secondary("h", "hour", "s", 3_600.0),
    secondary("MHz", "megahertz", "Hz", 1e6),
    secondary("kW", "kilowatt", "W", 1e3),
    secondary("kVA", "kilovolt-ampere", "VA", 1e3),
    secondary("kvar", "kilovar", "var", 1e3),
    secondary("Ah", "ampere-hour", "C", 3_600.0),
    secondary("Wh", "watt-hour", "J", 3_600.0),
    secondary("kWh", "kilowatt-hour", "J", 3.6e6),
    secondary("varh", "var-hour", "vars", 3_600.0),
    secondary("kvarh", "kilovar-hour", "vars", 3.6e6),
    secondary("kVAh", "kilovolt-ampere-hour", "VAs", 3.6e6),
    secondary("Wh/km", "watt-hour per kilometer", "J/m", 3.6),
    secondary("KiB", "kibibyte", "B", 1_024.0),
    secondary("GB", "gigabyte", "B", 1e9),
    secondary("Mbit/s", "megabit per second", "bit/s", 1e6),
    secondary("B/s", "byte per second", "bit/s", 8.0),
    secondary("MB/s", "megabyte per second", "bit/s", 8e6),
    secondary("mV", "millivolt", "V", 1e-3),
    secondary("mA", "milliampere", "A", 1e-3),
    Entry {
        symbol: "dBm",
        name: "decibel relative to 1 mW",
        rank: Rank::Secondary {
            primary: "dBW",
            scale: 1.0,
            offset: -30.0,
        },
    },
    secondary("ug/m3", "microgram per cubic meter", "kg/m3", 1e-9),
    secondary("mm/h", "millimeter per hour", "m/s", 1.0 / 3.6e6),
    secondary("m/h", "meter per hour", "m/s", 1.0 / 3_600.0),
    secondary("ppm", "parts per million", "/", 1e-6),
    secondary("/100", "percent", "/", 1e-2),
    secondary("/1000", "permille", "/", 1e-3),
    secondary("hPa", "hectopascal", "Pa", 100.0),
    secondary("mm", "millimeter", "m", 1e-3),
    secondary("cm", "centimeter", "m", 1e-2),
    secondary("km", "kilometer", "m", 1e3),
    secondary("km/h", "kilometer per hour", "m/s", 1.0 / 3.6),
    secondary("ppb", "parts per billion", "/", 1e-9),
    secondary("ppt", "parts per trillion", "/", 1e-12),
    secondary("VAh", "volt-ampere-hour", "VAs", 3_600.0),
    secondary("mg/l", "milligram per liter", "kg/m3", 1e-3),
    secondary("ug/l", "microgram per liter", "kg/m3", 1e-6),
    secondary("g/l", "gram per liter", "kg/m3", 1.0),
];

/// What people write, and the symbol that says it.
pub(super) const SPELLINGS: &[(&str, &str)] = &[
    ("°C", "Cel"),
    ("℃", "Cel"),
    ("degC", "Cel"),
    ("deg C", "Cel"),
    ("centigrade", "Cel"),
    ("°", "deg"),
    ("degree", "deg"),
    ("Ω", "Ohm"),
    ("RH", "%RH"),
    ("humidity", "%RH"),
    ("percent", "%"),
    ("pct", "%"),
    ("amp", "A"),
    ("sec", "s"),
    ("minute", "min"),
    ("hr", "h"),
    ("rpm", "1/min"),
    ("bpm", "beat/min"),
    ("bps", "bit/s"),
    ("Mbps", "Mbit/s"),
    ("kph", "km/h"),
    ("kmh", "km/h"),
    ("mps", "m/s"),
    ("mbar", "hPa"),
    ("m²", "m2"),
    ("m^2", "m2"),
    ("sqm", "m2"),
    ("m³", "m3"),
    ("m^3", "m3"),
    ("cbm", "m3"),
    ("m/s²", "m/s2"),
    ("m/s^2", "m/s2"),
    ("W/m²", "W/m2"),
    ("W/m^2", "W/m2"),
    ("µg/m3", "ug/m3"),
    ("µg/m³", "ug/m3"),
    ("ug/m³", "ug/m3"),
    ("litre", "l"),
    ("metre", "m"),
    ("counts", "count"),
    ("kilowatt hour", "kWh"),
    ("kilowatt hours", "kWh"),
];

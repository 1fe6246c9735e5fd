//! The fields of a SenML record: their labels in JSON and CBOR (RFC 8428 tables 1 to 4).

/// A field of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Field {
    /// Base version.
    BaseVersion,
    /// Base name.
    BaseName,
    /// Base time.
    BaseTime,
    /// Base unit.
    BaseUnit,
    /// Base value.
    BaseValue,
    /// Base sum.
    BaseSum,
    /// Name.
    Name,
    /// Unit.
    Unit,
    /// A number.
    Value,
    /// A text.
    Text,
    /// A boolean.
    Boolean,
    /// A sum: the integral of the value over time.
    Sum,
    /// Time.
    Time,
    /// How soon the next reading is to be expected.
    UpdateTime,
    /// Bytes.
    Data,
}

/// Each field with its label in JSON and in CBOR (RFC 8428 table 4).
pub(super) const LABELS: [(Field, &str, i8); 15] = [
    (Field::BaseVersion, "bver", -1),
    (Field::BaseName, "bn", -2),
    (Field::BaseTime, "bt", -3),
    (Field::BaseUnit, "bu", -4),
    (Field::BaseValue, "bv", -5),
    (Field::BaseSum, "bs", -6),
    (Field::Name, "n", 0),
    (Field::Unit, "u", 1),
    (Field::Value, "v", 2),
    (Field::Text, "vs", 3),
    (Field::Boolean, "vb", 4),
    (Field::Sum, "s", 5),
    (Field::Time, "t", 6),
    (Field::UpdateTime, "ut", 7),
    (Field::Data, "vd", 8),
];

/// What a label stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Key {
    /// A field of RFC 8428.
    Known(Field),
    /// A field that may be ignored (RFC 8428 section 4.4).
    Ignored,
    /// A field that must be understood, since its label ends in `_`, and is not.
    MustUnderstand(String),
}

impl Field {
    /// The label in JSON, which also names the field in errors.
    pub(super) const fn name(self) -> &'static str {
        let (_, name, _) = LABELS[self as usize];
        name
    }

    /// The label in CBOR.
    pub(super) const fn label(self) -> i8 {
        let (_, _, label) = LABELS[self as usize];
        label
    }

    /// What it holds, for the documentation.
    pub(super) const fn meaning(self) -> &'static str {
        match self {
            Self::BaseVersion => "version: 10, or 26 where secondary units occur",
            Self::BaseName => "base name, put before each `n`",
            Self::BaseTime => "base time, added to each `t`",
            Self::BaseUnit => "unit of records without `u`",
            Self::BaseValue => "base value, added to each `v`",
            Self::BaseSum | Self::Sum => "refused: send a sum as a metric of its own",
            Self::Name => "name",
            Self::Unit => "unit",
            Self::Value => "value: a number",
            Self::Text => "value: a text",
            Self::Boolean => "value: true or false",
            Self::Time => "time",
            Self::UpdateTime => "ignored",
            Self::Data => "value: bytes, in JSON as base64url without padding",
        }
    }

    /// The field's bit in a set of fields.
    pub(super) const fn bit(self) -> u16 {
        1 << (self as u8)
    }

    /// The field that a CBOR label stands for.
    pub(super) fn from_label(label: i64) -> Option<Self> {
        let found = LABELS
            .iter()
            .find(|(_, _, known)| i64::from(*known) == label);
        found.map(|(field, _, _)| *field)
    }
}

impl Key {
    /// What a label in JSON stands for.
    pub(super) fn from_name(name: &str) -> Self {
        let found = LABELS.iter().find(|(_, known, _)| *known == name);
        match found {
            Some((field, _, _)) => Self::Known(*field),
            None => Self::foreign(name),
        }
    }

    /// What a label outside RFC 8428 asks for.
    pub(super) fn foreign(name: &str) -> Self {
        if name.ends_with('_') {
            Self::MustUnderstand(name.to_owned())
        } else {
            Self::Ignored
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_stands_at_its_own_place_in_the_table() {
        for (place, (field, name, label)) in LABELS.into_iter().enumerate() {
            assert_eq!(field as usize, place, "{name}");
            assert_eq!(Key::from_name(name), Key::Known(field));
            assert_eq!(Field::from_label(label.into()), Some(field));
        }
    }
}

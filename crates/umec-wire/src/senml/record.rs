//! One record as it stands in a pack, before its base fields are applied.

use std::borrow::Cow;

use super::RecordError;
use super::field::Field;

/// The fields of one record. Strings borrow from the input where it holds them as they are.
#[derive(Debug, Default)]
pub(super) struct Record<'a> {
    seen: u16,
    /// `bver`
    pub(super) base_version: Option<u64>,
    /// `bn`
    pub(super) base_name: Option<Cow<'a, str>>,
    /// `bt`, in seconds
    pub(super) base_time: Option<f64>,
    /// `bu`
    pub(super) base_unit: Option<Cow<'a, str>>,
    /// `bv`
    pub(super) base_value: Option<f64>,
    /// `n`
    pub(super) name: Option<Cow<'a, str>>,
    /// `u`
    pub(super) unit: Option<Cow<'a, str>>,
    /// `t`, in seconds
    pub(super) time: Option<f64>,
    /// The one of `v`, `vs`, `vb` and `vd` that is there.
    pub(super) content: Option<Content<'a>>,
}

/// A value as a record holds it.
#[derive(Debug, PartialEq)]
pub(super) enum Content<'a> {
    /// `v`
    Number(f64),
    /// `vs`
    Text(Cow<'a, str>),
    /// `vb`
    Boolean(bool),
    /// `vd`, decoded
    Data(Vec<u8>),
}

impl<'a> Record<'a> {
    /// Notes that a field is there; refuses it where it was before.
    pub(super) fn note(&mut self, field: Field) -> Result<(), RecordError> {
        if self.seen & field.bit() != 0 {
            return Err(RecordError::Duplicate(field.name()));
        }
        self.seen |= field.bit();
        Ok(())
    }

    /// Whether a field is there.
    pub(super) const fn has(&self, field: Field) -> bool {
        self.seen & field.bit() != 0
    }

    /// Puts a number into the field that takes it. Sums and update times are noted, not kept.
    pub(super) fn set_number(&mut self, field: Field, number: f64) -> Result<(), RecordError> {
        match field {
            Field::BaseTime => self.base_time = Some(number),
            Field::BaseValue => self.base_value = Some(number),
            Field::Time => self.time = Some(number),
            Field::Value => return self.set_content(Content::Number(number)),
            _ => {}
        }
        Ok(())
    }

    /// Puts a text into the field that takes it.
    pub(super) fn set_text(&mut self, field: Field, text: Cow<'a, str>) -> Result<(), RecordError> {
        match field {
            Field::BaseName => self.base_name = Some(text),
            Field::BaseUnit => self.base_unit = Some(text),
            Field::Name => self.name = Some(text),
            Field::Unit => self.unit = Some(text),
            Field::Text => return self.set_content(Content::Text(text)),
            _ => {}
        }
        Ok(())
    }

    /// Takes the value; a record has one (RFC 8428 section 4.2).
    pub(super) fn set_content(&mut self, content: Content<'a>) -> Result<(), RecordError> {
        match self.content.replace(content) {
            None => Ok(()),
            Some(_) => Err(RecordError::SeveralValues),
        }
    }
}

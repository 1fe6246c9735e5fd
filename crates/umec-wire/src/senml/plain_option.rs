//! A value as plain JSON, where it stands alone: a number, a boolean or a text.

use serde::{Deserialize, Deserializer, Serializer, de};

use super::encode::whole;
use crate::reading::Value;

/// Writes a value as plain JSON; bytes as base64url.
pub fn serialize<S: Serializer>(value: &Option<Value>, to: S) -> Result<S::Ok, S::Error> {
    match value {
        None => to.serialize_none(),
        Some(Value::Number(number)) => match whole(number.get()) {
            Some(whole) => to.serialize_i64(whole),
            None => to.serialize_f64(number.get()),
        },
        Some(Value::Boolean(flag)) => to.serialize_bool(*flag),
        Some(other) => to.collect_str(other),
    }
}

/// Reads a number, a boolean or a text.
pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Value>, D::Error> {
    match serde_json::Value::deserialize(from)? {
        serde_json::Value::Null => Ok(None),
        serde_json::Value::Bool(flag) => Ok(Some(Value::Boolean(flag))),
        serde_json::Value::String(text) => Ok(Some(Value::from(text.as_str()))),
        serde_json::Value::Number(number) => {
            let number = number.as_f64().unwrap_or(f64::NAN);
            Value::number(number).map(Some).map_err(de::Error::custom)
        }
        _ => Err(de::Error::custom(
            "a value is a number, a boolean or a text",
        )),
    }
}

//! What has gone wrong, in the words of the status: a code for programs and a sentence for people.

use umec_sdk::{Fault, chain};
use umec_spec::modbus_plan::ReadRequest;
use umec_spec::settings::modbus::Transport;
use umec_wire::status::Reason;

use tokio_modbus::ExceptionCode;

use crate::line::AskError;

/// What an exception means for whoever asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// About what was asked for; asked for less, the device may answer.
    Addresses,
    /// About the request as a whole.
    Request,
    /// A gateway's word that the unit behind it does not answer.
    Unreachable,
}

/// What an exception is about.
pub(crate) const fn meaning(exception: ExceptionCode) -> Meaning {
    match exception {
        ExceptionCode::IllegalDataAddress
        | ExceptionCode::IllegalDataValue
        | ExceptionCode::ServerDeviceFailure => Meaning::Addresses,
        ExceptionCode::GatewayPathUnavailable | ExceptionCode::GatewayTargetDevice => {
            Meaning::Unreachable
        }
        _ => Meaning::Request,
    }
}

/// The reason of an exception (Modbus Application Protocol V1.1b3 section 7).
pub(crate) fn exception(exception: ExceptionCode) -> Reason {
    let (code, text) = match exception {
        ExceptionCode::IllegalFunction => ("illegal-function", "illegal function"),
        ExceptionCode::IllegalDataAddress => ("illegal-address", "illegal address"),
        ExceptionCode::IllegalDataValue => ("illegal-value", "illegal value"),
        ExceptionCode::ServerDeviceFailure => ("device-failure", "device failure"),
        ExceptionCode::Acknowledge => ("device-busy", "accepted, but not done yet"),
        ExceptionCode::ServerDeviceBusy => ("device-busy", "device busy"),
        ExceptionCode::MemoryParityError => ("device-failure", "memory parity error"),
        ExceptionCode::GatewayPathUnavailable => ("no-answer", "the gateway has no path to it"),
        ExceptionCode::GatewayTargetDevice => ("no-answer", "the gateway gets no answer from it"),
        ExceptionCode::Custom(code) => {
            return Reason::new("exception", format!("exception {code}"));
        }
    };
    Reason::new(code, text)
}

/// Why a unit gave nothing, with what it was asked for.
pub(crate) fn fault(error: &AskError, unit: u8, asked: &str, transport: &Transport) -> Fault {
    match error {
        AskError::Open(source) => {
            let text = format!("cannot open {transport}: {}", chain(source));
            Fault::Link(Reason::new("cannot-open", text))
        }
        AskError::Broken(source) => {
            let text = format!("{transport} broke: {}", chain(source));
            Fault::Link(Reason::new("link-broken", text))
        }
        AskError::Exception(code) => {
            let reason = exception(*code);
            let text = format!("unit {unit}: {} at {asked}", reason.text);
            let reason = Reason { text, ..reason };
            match meaning(*code) {
                Meaning::Unreachable => Fault::Device(reason),
                Meaning::Addresses | Meaning::Request => Fault::Refused(reason),
            }
        }
        AskError::Silent(_) | AskError::Garbled(_) | AskError::Foreign => {
            let code = match error {
                AskError::Silent(_) => "no-answer",
                AskError::Garbled(_) => "garbled-answer",
                _ => "foreign-answer",
            };
            let text = format!("unit {unit} on {transport}, asked for {asked}: {error}");
            Fault::Device(Reason::new(code, text))
        }
    }
}

/// Says that a line is dead: it can be opened, and nobody on it answers.
pub(crate) fn nobody(units: usize, transport: &Transport) -> Fault {
    let text = format!("no unit answers on {transport}, {units} were asked");
    Fault::Link(Reason::new("no-unit-answers", text))
}

/// What a request asks for, in words.
pub(crate) fn asked(request: &ReadRequest) -> String {
    request.to_string()
}

//! Who signs, and who is believed. Keys are parsed once, since each message needs one.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock};

use data_encoding::BASE64URL_NOPAD;
use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use nkeys::KeyPair;
use umec_spec::settings::Trust;
use umec_wire::signature::{self, PublicKey, VerifyError, signed_bytes};
use umec_wire::subject::{Subject, Target};
use umec_wire::trace;
use umec_wire::{DeviceName, MessageId};

use super::message::{MESSAGE_ID, Message, Raw, Stored};
use crate::metrics::{CounterFamily, Metrics};

/// A key of 56 letters, a space, and 64 bytes as base64url.
const HEADER_LENGTH: usize = 56 + 1 + 86;

/// The key of this process. It can be exchanged while messages are signed.
#[derive(Debug, Clone)]
pub(crate) struct Signer(Arc<RwLock<Arc<Pen>>>);

#[derive(Debug)]
struct Pen {
    key: SigningKey,
    /// The public key and a space: how the header begins.
    prefix: String,
}

/// Who may sign what.
#[derive(Debug)]
pub(crate) struct Trusted {
    who: Who,
    refused: CounterFamily,
}

#[derive(Debug)]
enum Who {
    /// The bus in memory: whoever has it is the same process.
    Everyone,
    Listed(HashMap<String, Signatory>),
}

#[derive(Debug)]
struct Signatory {
    key: PublicKey,
    verifying: VerifyingKey,
    publish: HashSet<DeviceName>,
    aggregate: HashSet<DeviceName>,
    command: HashSet<DeviceName>,
}

// === impl Signer ===

impl Signer {
    pub(crate) fn random() -> Self {
        Self(Arc::new(RwLock::new(Arc::new(Pen::new(rand::random())))))
    }

    pub(crate) fn from_seed(seed: &str) -> Option<Self> {
        let (_, secret) = nkeys::decode_seed(seed).ok()?;
        Some(Self(Arc::new(RwLock::new(Arc::new(Pen::new(secret))))))
    }

    /// Signs with another key from here on.
    #[cfg(feature = "nats")]
    pub(crate) fn replace(&self, other: &Self) {
        let pen = Arc::clone(&other.0.read().unwrap_or_else(PoisonError::into_inner));
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = pen;
    }

    /// The header's value for a message.
    pub(crate) fn sign(&self, subject: &str, id: &str, body: &[u8]) -> String {
        let pen = Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner));
        let signature = pen.key.sign(&signed_bytes(subject, id, body));
        let mut text = String::with_capacity(HEADER_LENGTH);
        text.push_str(&pen.prefix);
        BASE64URL_NOPAD.encode_append(&signature.to_bytes(), &mut text);
        text
    }
}

impl Pen {
    fn new(secret: [u8; 32]) -> Self {
        let key = SigningKey::from_bytes(&secret);
        // Any 32 bytes are a secret key (RFC 8032 section 5.1.5), so that the pair is always made.
        let pair = KeyPair::new_from_raw(nkeys::KeyPairType::User, secret);
        let public = pair.map(|pair| pair.public_key()).unwrap_or_default();
        let prefix = format!("{public} ");
        Self { key, prefix }
    }
}

// === impl Trusted ===

impl Trusted {
    pub(crate) fn everyone() -> Self {
        Self {
            who: Who::Everyone,
            refused: refused(&Metrics::default()),
        }
    }

    pub(crate) fn listed(trust: &[Trust], metrics: &Metrics) -> Self {
        let signatories = trust.iter().filter_map(|entry| {
            let (_, bytes) = nkeys::from_public_key(entry.key.as_str()).ok()?;
            let signatory = Signatory {
                key: entry.key.clone(),
                verifying: VerifyingKey::from_bytes(&bytes).ok()?,
                publish: entry.publish.iter().cloned().collect(),
                aggregate: entry.aggregate.iter().cloned().collect(),
                command: entry.command.iter().cloned().collect(),
            };
            Some((entry.key.as_str().to_owned(), signatory))
        });
        Self {
            who: Who::Listed(signatories.collect()),
            refused: refused(metrics),
        }
    }

    /// Reads what a message says of itself and believes it, or counts why not.
    pub(crate) fn believe(&self, raw: Raw) -> Option<Stored> {
        match self.read(raw) {
            Ok(stored) => Some(stored),
            Err(reason) => {
                self.count(reason);
                None
            }
        }
    }

    fn read(&self, raw: Raw) -> Result<Stored, &'static str> {
        let subject: Subject = raw.subject.parse().map_err(|_| "subject")?;
        let id_text = raw.header(MESSAGE_ID).ok_or("no-id")?;
        let id: MessageId = id_text.parse().map_err(|_| "id")?;
        if id.device != subject.device {
            return Err("id");
        }
        let header = raw.header(signature::HEADER);
        let signed = (raw.subject.as_str(), id_text, raw.body.as_ref());
        self.verify(header, signed, &subject.target, &subject.device)
            .map_err(|error| code(&error))?;
        let trace = raw.header(trace::HEADER).and_then(|text| text.parse().ok());
        Ok(Stored {
            sequence: raw.sequence,
            stored_at: raw.stored_at,
            message: Message {
                subject,
                id,
                trace,
                headers: raw.headers,
                body: raw.body,
            },
        })
    }

    /// Checks a signature over subject, id and body; gives the signer where it is named.
    pub(crate) fn verify(
        &self,
        header: Option<&str>,
        (subject, id, body): (&str, &str, &[u8]),
        target: &Target,
        device: &DeviceName,
    ) -> Result<Option<PublicKey>, VerifyError> {
        let Who::Listed(signatories) = &self.who else {
            let key = header.and_then(|text| text.split_once(' '));
            return Ok(key.and_then(|(key, _)| key.parse().ok()));
        };
        let (key, bytes) = header
            .ok_or(VerifyError::Absent)?
            .split_once(' ')
            .ok_or(VerifyError::Malformed)?;
        let Some(signatory) = signatories.get(key) else {
            let key = key.parse().map_err(|_| VerifyError::Malformed)?;
            return Err(VerifyError::Untrusted(key));
        };
        let devices = match target {
            Target::Readings | Target::Frames | Target::Events | Target::Status => {
                &signatory.publish
            }
            Target::Aggregates => &signatory.aggregate,
            Target::Command(_) => &signatory.command,
        };
        if !devices.contains(device) {
            return Err(VerifyError::Untrusted(signatory.key.clone()));
        }
        let bytes = BASE64URL_NOPAD.decode(bytes.as_bytes()).ok();
        let signature = bytes
            .and_then(|bytes| ed25519_dalek::Signature::from_slice(&bytes).ok())
            .ok_or(VerifyError::Malformed)?;
        let signed = signed_bytes(subject, id, body);
        match signatory.verifying.verify_strict(&signed, &signature) {
            Ok(()) => Ok(Some(signatory.key.clone())),
            Err(_) => Err(VerifyError::Wrong(signatory.key.clone())),
        }
    }

    /// Counts a message that is not believed.
    pub(crate) fn count(&self, reason: &'static str) {
        self.refused.with(&[reason]).inc();
    }
}

/// The code under which a failed verification is counted and told.
pub(crate) fn code(error: &VerifyError) -> &'static str {
    match error {
        VerifyError::Absent => "unsigned",
        VerifyError::Malformed => "malformed-signature",
        VerifyError::Wrong(_) => "wrong-signature",
        VerifyError::Untrusted(_) => "untrusted",
    }
}

fn refused(metrics: &Metrics) -> CounterFamily {
    metrics.counter_family(
        "umec_bus_refused_messages",
        "Messages that were dropped because they could not be read or believed",
        &["reason"],
    )
}

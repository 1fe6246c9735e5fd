//! Tokens as NATS writes them: JWT version 2 with Ed25519 signatures by NKeys.
//! <https://docs.nats.io/running-a-nats-service/nats_admin/security/jwt>

use data_encoding::{BASE32_NOPAD, BASE64URL_NOPAD};
use nkeys::KeyPair;
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha512_256};
use umec_wire::Timestamp;

/// The header of every token.
const HEADER: &str = r#"{"typ":"JWT","alg":"ed25519-nkey"}"#;

/// What a token says.
#[derive(Debug, Serialize)]
pub(crate) struct Claims {
    /// About whom: a public key.
    pub(crate) sub: String,
    /// The name for people.
    pub(crate) name: String,
    /// The part that is NATS's own.
    pub(crate) nats: Value,
}

/// The claims as they are signed. The id is the digest of the rest.
#[derive(Serialize)]
struct Signed<'c> {
    #[serde(skip_serializing_if = "Option::is_none")]
    jti: Option<String>,
    iat: i64,
    iss: String,
    #[serde(flatten)]
    claims: &'c Claims,
}

/// Writes and signs a token.
pub(crate) fn mint(claims: &Claims, issuer: &KeyPair, issued_at: Timestamp) -> String {
    let mut signed = Signed {
        jti: None,
        iat: issued_at.as_millis().div_euclid(1_000),
        iss: issuer.public_key(),
        claims,
    };
    let digest = Sha512_256::digest(json(&signed));
    signed.jti = Some(BASE32_NOPAD.encode(&digest));
    let head = BASE64URL_NOPAD.encode(HEADER.as_bytes());
    let body = BASE64URL_NOPAD.encode(&json(&signed));
    let text = format!("{head}.{body}");
    let signature = issuer
        .sign(text.as_bytes())
        .expect("the issuer is one of our own pairs, which all have their seeds");
    format!("{text}.{}", BASE64URL_NOPAD.encode(&signature))
}

fn json(claims: &Signed<'_>) -> Vec<u8> {
    serde_json::to_vec(claims).expect("texts, numbers and JSON are JSON")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_token_is_signed_by_its_issuer_over_header_and_claims() {
        let issuer = KeyPair::new_account();
        let claims = Claims {
            sub: "U".to_owned(),
            name: "modbus".to_owned(),
            nats: json!({"type": "user", "version": 2}),
        };
        let token = mint(&claims, &issuer, Timestamp::from_millis(1_763_716_200_999));
        let (text, signature) = token.rsplit_once('.').unwrap();
        let signature = BASE64URL_NOPAD.decode(signature.as_bytes()).unwrap();
        assert!(issuer.verify(text.as_bytes(), &signature).is_ok());

        let (_, body) = text.split_once('.').unwrap();
        let body = BASE64URL_NOPAD.decode(body.as_bytes()).unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["iat"], 1_763_716_200);
        assert_eq!(body["iss"], issuer.public_key());
        assert_eq!(body["jti"].as_str().unwrap().len(), 52);
        assert_eq!(body["nats"]["version"], 2);
    }
}

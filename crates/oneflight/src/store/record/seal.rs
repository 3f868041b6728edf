//! XChaCha20-Poly1305 over what is secret of a record, bound to whose it is and to where it stands.

use chacha20poly1305::aead::{AeadInOut as _, KeyInit as _};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use oneflight_core::{SessionId, Version};

use super::{FORMAT, Key};

/// Long enough to be drawn at random for every write, whatever their number.
pub(super) const NONCE: usize = 24;

/// How much longer it makes what it seals, in bytes.
pub(super) const TAG: usize = 16;

/// What a seal is bound to: it opens nowhere else.
pub(super) struct Bound<'a> {
    pub(super) place: &'a str,
    pub(super) session: SessionId,
    pub(super) set: u64,
    pub(super) version: Version,
}

impl Bound<'_> {
    /// Each part with its length, so that no two different ones give the same bytes.
    fn associated_data(&self, key: &Key) -> Vec<u8> {
        let parts: [&[u8]; 7] = [
            b"oneflight record",
            &FORMAT.to_be_bytes(),
            key.name().as_bytes(),
            self.place.as_bytes(),
            &self.session.0,
            &self.set.to_be_bytes(),
            &self.version.0.to_be_bytes(),
        ];
        let mut data = Vec::new();
        for part in parts {
            // No part is longer than memory.
            data.extend_from_slice(&(part.len() as u64).to_be_bytes());
            data.extend_from_slice(part);
        }
        data
    }
}

/// Seals in place; `buffer` should have room for [`TAG`] more bytes.
pub(super) fn seal(key: &Key, bound: &Bound<'_>, nonce: [u8; NONCE], buffer: &mut Vec<u8>) -> Option<()> {
    cipher(key)
        .encrypt_in_place(&XNonce::from(nonce), &bound.associated_data(key), buffer)
        .ok()
}

/// Opens in place; `None`, and the buffer as it was, if it was sealed by another key or bound to something else.
pub(super) fn open(key: &Key, bound: &Bound<'_>, nonce: [u8; NONCE], buffer: &mut Vec<u8>) -> Option<()> {
    cipher(key)
        .decrypt_in_place(&XNonce::from(nonce), &bound.associated_data(key), buffer)
        .ok()
}

fn cipher(key: &Key) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new_from_slice(key.bytes()).expect("a key has 32 bytes")
}

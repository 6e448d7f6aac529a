//! The text form of ids, tokens and cursors: base64url without padding (RFC 4648, section 5).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

/// Encodes `bytes` without padding.
pub fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Decodes exactly `N` bytes. `None` for any other text.
pub fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let written = URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).ok()?;
    (written == N).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_decodes_only_to_its_exact_length() {
        let text = encode(&[255, 254, 253]);
        assert_eq!(text, "__79");
        assert_eq!(decode(&text), Some([255, 254, 253]));
        assert_eq!(decode::<2>(&text), None);
        assert_eq!(decode::<4>(&text), None);
    }

    #[test]
    fn padding_and_nonzero_trailing_bits_are_rejected() {
        assert_eq!(decode("_w"), Some([255]));
        for text in ["_w==", "_x", "/w", " _w"] {
            assert_eq!(decode::<1>(text), None, "{text}");
        }
    }
}

//! Streams of frames for the codec benches, written by nobody's codec.

/// The masking key of every frame.
pub const KEY: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];

/// How much of a stream is decoded at a time, as a busy connection reads it.
pub const STREAM_LEN: usize = 128 * 1024;

/// One unfragmented frame.
#[must_use]
pub fn frame(opcode: u8, payload: &[u8], key: Option<[u8; 4]>) -> Vec<u8> {
    let mut frame = vec![0x80 | opcode];
    let flag = if key.is_some() { 0x80 } else { 0 };
    match payload.len() {
        len @ 0..=125 => frame.push(flag | len as u8),
        len @ 126..=0xFFFF => {
            frame.push(flag | 126);
            frame.extend_from_slice(&(len as u16).to_be_bytes());
        }
        len => {
            frame.push(flag | 127);
            frame.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    let Some(key) = key else {
        frame.extend_from_slice(payload);
        return frame;
    };
    frame.extend_from_slice(&key);
    frame.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
    frame
}

/// As many masked frames of `payload` as make a stream, and how many.
#[must_use]
pub fn masked_stream(opcode: u8, payload: &[u8]) -> (Vec<u8>, usize) {
    let one = frame(opcode, payload, Some(KEY));
    let count = (STREAM_LEN / one.len()).max(1);
    (one.repeat(count), count)
}

/// Text of about `len` bytes, of characters of one byte or of several.
#[must_use]
pub fn text(len: usize, characters: &str) -> String {
    let mut text: String = characters.chars().cycle().take(len).collect();
    while text.len() > len {
        text.pop();
    }
    text
}

/// A JSON document of about `len` bytes, as an application sends it: records with a few fields each.
#[must_use]
pub fn json(len: usize) -> String {
    let mut records = Vec::new();
    let mut number = 7u64;
    loop {
        number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        records.push(serde_json::json!({
            "id": number >> 40,
            "user": format!("user-{}", (number >> 33) % 1000),
            "price": (number >> 20) % 100_000,
            "active": number >> 63 == 1,
        }));
        let document = serde_json::Value::from(records.clone()).to_string();
        if document.len() >= len {
            return document;
        }
    }
}

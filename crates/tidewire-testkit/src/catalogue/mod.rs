//! Bad inputs, each with the close code that answers it (RFC 6455 §5, §7.4, §8.1; RFC 7692), by rules that are the
//! standard's and not the codec's.

mod grids;
mod positions;

use tidewire_ws::{
    Role,
    deflate::{Agreement, Pool},
    message::Config,
};

const MAX_MESSAGE_LEN: usize = 1_000;
const MAX_FRAGMENTS: u32 = 8;

/// Whom an input is sent to.
const ROLES: [Role; 2] = [Role::Server, Role::Client];

/// The limits that the rows are beyond.
#[must_use]
pub fn config() -> Config {
    let mut config = Config::default();
    config.max_message_len = MAX_MESSAGE_LEN;
    config.max_fragments = MAX_FRAGMENTS;
    config
}

/// One bad input.
#[derive(Debug)]
pub struct Row {
    /// What is wrong with it.
    pub class: &'static str,
    /// Who receives it.
    pub role: Role,
    /// The close code that answers it.
    pub code: u16,
    /// All of it.
    pub stream: Vec<u8>,
    /// Good events before the error.
    pub events_before: usize,
    /// What was agreed to in the opening handshake: the bare `permessage-deflate`, for a server.
    pub agreement: Option<Agreement>,
}

impl Row {
    /// A row without good events, and without compression.
    #[must_use]
    pub fn new(class: &'static str, role: Role, code: u16, stream: Vec<u8>) -> Self {
        Self { class, role, code, stream, events_before: 0, agreement: None }
    }

    /// The same behind frames that are good.
    fn behind(mut self, good: &[u8], events_before: usize) -> Self {
        self.stream.splice(0..0, good.iter().copied());
        self.events_before = events_before;
        self
    }
}

const KEY: [u8; 4] = [0xA1, 0x02, 0xB3, 0x04];

/// A frame with its shortest length, masked or not.
fn encode(first: u8, payload: &[u8], masked: bool) -> Vec<u8> {
    let mut frame = vec![first];
    let flag = if masked { 0x80 } else { 0 };
    match payload.len() {
        len @ 0..=125 => frame.push(flag | len as u8),
        len => {
            frame.push(flag | 126);
            frame.extend_from_slice(&(len as u16).to_be_bytes());
        }
    }
    if masked {
        frame.extend_from_slice(&KEY);
        frame.extend(payload.iter().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key));
    } else {
        frame.extend_from_slice(payload);
    }
    frame
}

/// A frame as the peer of `role` has to write it.
#[must_use]
pub fn frame(role: Role, first: u8, payload: &[u8]) -> Vec<u8> {
    encode(first, payload, role == Role::Server)
}

/// RFC 6455 §7.4, as the registry stands.
#[must_use]
pub fn is_good_close_code(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

/// All of them, for servers and for clients.
#[must_use]
pub fn all() -> Vec<Row> {
    let mut rows = Vec::new();
    for role in ROLES {
        first_bytes(role, &mut rows);
        lengths(role, &mut rows);
        fragments(role, &mut rows);
        texts(role, &mut rows);
        closes(role, &mut rows);
        positions::within_streams(role, &mut rows);
        grids::texts(role, &mut rows);
        deflated(role, &mut rows);
    }
    rows
}

/// Every first byte, masked as it must be and as it must not, with payloads of zeros.
fn first_bytes(role: Role, rows: &mut Vec<Row>) {
    for first in 0..=u8::MAX {
        for masked in [true, false] {
            for len in [0, 1, 2, 125] {
                let opcode = first & 0x0F;
                let is_control = opcode >= 0x8;
                // A close frame of zeros has one byte too few or the code 0; a continuation continues nothing.
                let is_bad = first & 0x70 != 0
                    || matches!(opcode, 0x3..=0x7 | 0xB..=0xF)
                    || (is_control && first & 0x80 == 0)
                    || opcode == 0x0
                    || (opcode == 0x8 && len > 0)
                    || masked != (role == Role::Server);
                if is_bad {
                    rows.push(Row::new("first byte", role, 1002, encode(first, &vec![0; len], masked)));
                }
            }
        }
    }
}

/// A header with a length in a form of its own, and no payload.
fn header(role: Role, first: u8, field: u8, extended: &[u8]) -> Vec<u8> {
    let flag = if role == Role::Server { 0x80 } else { 0 };
    let key: &[u8] = if role == Role::Server { &KEY } else { &[] };
    [&[first, flag | field], extended, key].concat()
}

/// Class A and B: lengths that overflow, lie, are not minimal, or are beyond the limit.
fn lengths(role: Role, rows: &mut Vec<Row>) {
    for first in [0x01, 0x02, 0x81, 0x82] {
        for len in 0..=125u16 {
            rows.push(Row::new(
                "16-bit length not minimal",
                role,
                1002,
                header(role, first, 126, &len.to_be_bytes()),
            ));
        }
        for len in (0..=0xFFFFu64).step_by(257).chain([125, 126, 127, 0xFFFF]) {
            rows.push(Row::new(
                "64-bit length not minimal",
                role,
                1002,
                header(role, first, 127, &len.to_be_bytes()),
            ));
        }
        for shift in 0..63 {
            for len in [1 << 63, (1 << 63) | (1 << shift), u64::MAX << shift, u64::MAX - (1 << shift)] {
                if len >> 63 == 1 {
                    rows.push(Row::new(
                        "top bit of a length",
                        role,
                        1002,
                        header(role, first, 127, &len.to_be_bytes()),
                    ));
                }
            }
        }
        let beyond =
            [0x1_0000u64, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 32, (1 << 32) + 1, (1 << 63) - 1];
        for len in beyond
            .into_iter()
            .chain((17..63).flat_map(|shift| [(1 << shift) - 1, 1 << shift, (1 << shift) + 1]))
        {
            let stream = header(role, first, 127, &len.to_be_bytes());
            rows.push(Row::new("length beyond the limit", role, 1009, stream));
        }
        for len in
            (MAX_MESSAGE_LEN as u16 + 1..=u16::MAX).step_by(997).chain([MAX_MESSAGE_LEN as u16 + 1, u16::MAX])
        {
            let stream = header(role, first, 126, &len.to_be_bytes());
            rows.push(Row::new("length beyond the limit", role, 1009, stream));
        }
    }
    for first in [0x88, 0x89, 0x8A] {
        for len in (0..=u16::MAX).step_by(331) {
            rows.push(Row::new(
                "long control frame",
                role,
                1002,
                header(role, first, 126, &len.to_be_bytes()),
            ));
        }
        for shift in 0..64 {
            let len = 1u64 << shift;
            rows.push(Row::new(
                "long control frame",
                role,
                1002,
                header(role, first, 127, &len.to_be_bytes()),
            ));
        }
    }
}

/// Class C and §5.4: too many fragments, too long together, in the wrong order.
fn fragments(role: Role, rows: &mut Vec<Row>) {
    for opcode in [0x01, 0x02] {
        for len in [0, 1, 20] {
            let payload = vec![b'a'; len];
            let mut stream = frame(role, opcode, &payload);
            for _ in 0..MAX_FRAGMENTS {
                stream.extend(frame(role, 0x00, &payload));
            }
            rows.push(Row::new("one fragment too many", role, 1008, stream));
        }
        for first_len in 0..=MAX_MESSAGE_LEN {
            let first = frame(role, opcode, &vec![b'a'; first_len]);
            let second = frame(role, 0x80, &vec![b'a'; MAX_MESSAGE_LEN + 1 - first_len]);
            if first_len % 37 == 0 || first_len == MAX_MESSAGE_LEN {
                rows.push(Row::new("one byte too many", role, 1009, [first, second].concat()));
            }
        }
        for interrupting in [0x01, 0x02, 0x81, 0x82] {
            for len in [0, 1, 100] {
                let begun = frame(role, opcode, b"a");
                let other = frame(role, interrupting, &vec![b'a'; len]);
                rows.push(Row::new("a message within a message", role, 1002, [begun, other].concat()));
            }
        }
        for reserved in [0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70] {
            let begun = frame(role, opcode, b"a");
            rows.push(Row::new(
                "reserved bit",
                role,
                1002,
                [begun, frame(role, 0x80 | reserved, b"a")].concat(),
            ));
        }
    }
    for first in [0x00, 0x80] {
        for len in 0..=125 {
            rows.push(Row::new("nothing to continue", role, 1002, frame(role, first, &vec![b'a'; len])));
        }
    }
}

/// Bytes that are not UTF-8, alone and within good text, in one frame and in two cut anywhere.
fn texts(role: Role, rows: &mut Vec<Row>) {
    let mut bad: Vec<Vec<u8>> = Vec::new();
    for lead in 0x80..=0xFF {
        bad.push(vec![lead]);
        for second in [0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xFF] {
            bad.push(vec![lead, second]);
            bad.push(vec![lead, second, 0x80]);
            bad.push(vec![lead, second, 0x80, 0x80]);
            bad.push(vec![lead, second, 0x80, 0x41]);
        }
    }
    bad.retain(|bytes| std::str::from_utf8(bytes).is_err());
    for (index, bytes) in bad.iter().enumerate() {
        let text = [["", "a", "aé", "aé€"][index % 4].as_bytes(), bytes].concat();
        rows.push(Row::new("not UTF-8", role, 1007, frame(role, 0x81, &text)));
        let (first, second) = text.split_at(index % (text.len() + 1));
        let stream = [frame(role, 0x01, first), frame(role, 0x80, second)].concat();
        rows.push(Row::new("not UTF-8 in fragments", role, 1007, stream));
        let reason = [&1000u16.to_be_bytes()[..], &text].concat();
        rows.push(Row::new("close reason not UTF-8", role, 1007, frame(role, 0x88, &reason)));
    }
}

/// Every code that must not come over the wire, with and without a reason.
fn closes(role: Role, rows: &mut Vec<Row>) {
    for byte in 0..=u8::MAX {
        rows.push(Row::new("close frame of one byte", role, 1002, frame(role, 0x88, &[byte])));
    }
    for code in (0..=u16::MAX).filter(|code| !is_good_close_code(*code)) {
        let reason: &[u8] = if code % 2 == 0 { b"" } else { b"bye" };
        let payload = [&code.to_be_bytes()[..], reason].concat();
        rows.push(Row::new("close code", role, 1002, frame(role, 0x88, &payload)));
    }
}

/// Classes D and E: what is compressed and should not be, is not DEFLATE, or is too long inside.
fn deflated(role: Role, rows: &mut Vec<Row>) {
    let pool = Pool::default();
    let agreement = match role {
        Role::Server => accepted(&pool),
        Role::Client => {
            let response = b"permessage-deflate; server_no_context_takeover";
            let Ok(Some(agreement)) = pool.offer().agree([&response[..]]) else {
                unreachable!("a response to what was offered")
            };
            agreement
        }
    };
    let mut push = |class, code, stream| {
        rows.push(Row { agreement: Some(agreement.clone()), ..Row::new(class, role, code, stream) });
    };
    for first in 0..=u8::MAX {
        let is_first_of_data = matches!(first & 0x0F, 0x1 | 0x2);
        if first & 0x40 != 0 && !(first & 0x30 == 0 && is_first_of_data) {
            push("reserved bits with compression", 1002, frame(role, first, b""));
        }
    }
    for begun in [0x01, 0x41] {
        for continuation in [0x40, 0xC0] {
            // A byte that is a whole block, and plain text as well.
            let stream = [frame(role, begun, &[0x00]), frame(role, continuation, &[0x00])].concat();
            push("compressed bit on a continuation", 1002, stream);
        }
    }
    // Block type 11 is reserved; a stored block's lengths disagree; what is cut is not whole.
    for byte in (0..=u8::MAX).filter(|byte| byte & 0b110 == 0b110) {
        push("reserved block type", 1007, frame(role, 0xC2, &[byte]));
    }
    for len in 1..=300u16 {
        let stored = [&[0x00][..], &len.to_le_bytes(), &(!len ^ 1).to_le_bytes(), &[0; 400]].concat();
        push("stored block that lies", 1007, frame(role, 0xC2, &stored));
    }
    for len in (1..=300u16).filter(|len| len - len / 2 != 4) {
        // Where four bytes are missing, the four that every message ends with are taken for them.
        let cut =
            [&[0x00][..], &len.to_le_bytes(), &(!len).to_le_bytes(), &vec![0; usize::from(len / 2)]].concat();
        push("block that is cut", 1007, frame(role, 0xC2, &cut));
    }
    let bomb = |len: u32| {
        let mut output = Vec::new();
        let server = accepted(&pool);
        let mut writer =
            tidewire_ws::message::Writer::server(std::sync::Arc::default()).with_deflate(&server);
        if writer.send_binary(&vec![0; len as usize], &mut output).is_err() {
            unreachable!("it is open");
        }
        let header_len = if output[1] == 126 { 4 } else { 2 };
        output.split_off(header_len)
    };
    for len in (MAX_MESSAGE_LEN as u32 + 1..20_000).step_by(499).chain([MAX_MESSAGE_LEN as u32 + 1]) {
        push("inflates beyond the limit", 1009, frame(role, 0xC2, &bomb(len)));
    }
}

/// What a server agrees to when it is offered the bare extension.
fn accepted(pool: &Pool) -> Agreement {
    match pool.accept([&b"permessage-deflate"[..]]) {
        Some(agreement) => agreement,
        None => unreachable!("an offer without conditions"),
    }
}

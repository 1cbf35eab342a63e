//! Lines that are cut by the end of a chunk, and those that are not wanted any more (WHATWG HTML §9.2.6).

use crate::error::{Limit, LimitExceeded};
use crate::field::Line;
use crate::items::{Found, Items};
use crate::parser::{Cut, Mode, Parser};

/// U+FEFF in UTF-8.
const BYTE_ORDER_MARK: [u8; 3] = [0xEF, 0xBB, 0xBF];

/// What a data line begins with, a space apart.
const DATA: &[u8] = b"data:";

/// Whether a line's end was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Seen,
    Ahead,
}

impl<'a> Items<'a> {
    /// Keeps the beginning of a line, which is all that is left of the chunk.
    pub(crate) fn cut_line(&mut self) -> Result<Found, LimitExceeded> {
        let part = core::mem::take(&mut self.rest);
        match part.strip_prefix(DATA) {
            Some(value) => {
                self.keep_lent_data();
                self.cut_data(DATA.len(), value, End::Ahead)?;
                Ok(Found::Nothing)
            }
            None => self.cut_other(part, End::Ahead),
        }
    }

    /// Goes on wherever the last chunk ended, but among lines.
    #[inline(never)]
    pub(crate) fn go_on(&mut self) -> Result<Found, LimitExceeded> {
        match self.parser.mode {
            Mode::Start(seen) => self.byte_order_mark(seen),
            Mode::Lines => {}
            Mode::Cut(Cut::Data(seen)) => self.go_on_with_data(seen)?,
            Mode::Cut(Cut::Other) => {
                let (part, end) = self.take_part();
                return self.cut_other(part, end);
            }
            Mode::Cut(Cut::TooLong(seen)) => {
                let (part, end) = self.take_part();
                self.too_long(seen.saturating_add(part.len()), end)?;
            }
            Mode::Lost(seen) => self.skip_line(seen),
        }
        Ok(Found::Nothing)
    }

    /// Goes on in a data line.
    pub(crate) fn go_on_with_data(&mut self, seen: usize) -> Result<(), LimitExceeded> {
        let (part, end) = self.take_part();
        self.cut_data(seen, part, end)
    }

    //= https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
    //# The UTF-8 decode algorithm strips one leading UTF-8 Byte Order Mark (BOM), if any.
    fn byte_order_mark(&mut self, seen: usize) {
        let missing = &BYTE_ORDER_MARK[seen..];
        let same = self.rest.iter().zip(missing).take_while(|(byte, mark)| byte == mark).count();
        self.parser.mode = if same == missing.len() {
            self.rest = &self.rest[same..];
            Mode::Lines
        } else if same == self.rest.len() {
            self.rest = &[];
            Mode::Start(seen + same)
        } else if seen == 0 {
            Mode::Lines
        } else {
            // What looked like one begins the first line.
            self.parser.line.append(&BYTE_ORDER_MARK[..seen]);
            Mode::Cut(Cut::Other)
        };
    }

    /// The next part of a data line goes where it belongs: nothing of it is copied twice.
    #[inline]
    fn cut_data(&mut self, seen: usize, part: &[u8], end: End) -> Result<(), LimitExceeded> {
        let seen_len = seen + part.len();
        if seen_len > self.parser.config.max_line_len {
            return self.too_long(seen_len, end);
        }
        let is_first = seen == DATA.len();
        self.parser.data.append(if is_first { part.strip_prefix(b" ").unwrap_or(part) } else { part });
        match end {
            End::Ahead => {
                self.parser.mode = Mode::Cut(Cut::Data(seen_len));
                Ok(())
            }
            End::Seen => {
                self.parser.mode = Mode::Lines;
                self.parser.end_data_line()
            }
        }
    }

    /// The next part of any other line; when it turns out to be one of data, it becomes that.
    fn cut_other(&mut self, part: &[u8], end: End) -> Result<Found, LimitExceeded> {
        let seen_len = self.parser.line.len() + part.len();
        if seen_len > self.parser.config.max_line_len {
            self.too_long(seen_len, end)?;
            return Ok(Found::Nothing);
        }
        self.parser.line.append(part);
        self.parser.mode = match end {
            End::Ahead => Mode::Cut(Cut::Other),
            End::Seen => Mode::Lines,
        };
        match (end, self.parser.line.bytes()) {
            (End::Ahead, line) if !line.starts_with(DATA) => return Ok(Found::Nothing),
            (End::Seen, [b':', ..]) => return Ok(Found::CutComment),
            (End::Ahead | End::Seen, _) => {}
        }
        let mut line = core::mem::take(&mut self.parser.line);
        let found = match end {
            End::Ahead => {
                self.cut_data(DATA.len(), &line.bytes()[DATA.len()..], end)?;
                Found::Nothing
            }
            End::Seen => self.parser.field(Line::new(line.bytes()))?,
        };
        line.clear();
        self.parser.line = line;
        Ok(found)
    }

    /// A line is longer than it may be. It is counted to its end, but no further than one byte past twice its limit, so
    /// that neither the error nor its place depends on the chunks, and a line without an end is found out all the same.
    #[cold]
    pub(crate) fn too_long(&mut self, seen_len: usize, end: End) -> Result<(), LimitExceeded> {
        let max_len = self.parser.max_len(Limit::Line);
        let most = max_len.saturating_mul(2).saturating_add(1);
        self.drop_lent_data();
        match end {
            End::Seen => self.parser.lose_event(Mode::Lost(0)),
            End::Ahead if seen_len >= most => self.parser.lose_event(Mode::Lost(seen_len)),
            End::Ahead => {
                self.parser.lose_event(Mode::Cut(Cut::TooLong(seen_len)));
                return Ok(());
            }
        }
        Err(LimitExceeded { limit: Limit::Line, max_len, seen_len: seen_len.min(most) })
    }

    /// The next part of a line of a lost event; a blank line ends that, and sets its ID as with any other.
    fn skip_line(&mut self, seen: usize) {
        let (part, end) = self.take_part();
        let seen_len = seen.saturating_add(part.len());
        self.parser.keep_lost_id(seen, part);
        self.parser.mode = match end {
            End::Ahead => Mode::Lost(seen_len),
            End::Seen if seen_len == 0 => {
                self.parser.last_event_id.commit();
                Mode::Lines
            }
            End::Seen => {
                self.parser.end_lost_line();
                Mode::Lost(0)
            }
        };
    }

    /// What is left of a line, or of the chunk.
    #[inline]
    fn take_part(&mut self) -> (&'a [u8], End) {
        match self.take_line() {
            Some(part) => (part, End::Seen),
            None => (core::mem::take(&mut self.rest), End::Ahead),
        }
    }
}

impl Parser {
    /// Keeps the next part of a line of a lost event, for as long as that may be an ID within its limit.
    fn keep_lost_id(&mut self, seen: usize, part: &[u8]) {
        let longest = self.config.max_id_len.saturating_add("id: ".len()).min(self.config.max_line_len);
        let may_be_id = if seen == 0 { part.starts_with(b"i") } else { self.line.len() == seen };
        if may_be_id && part.len() <= longest.saturating_sub(seen) {
            self.line.append(part);
        } else {
            self.line.clear();
        }
    }

    /// A line of a lost event has ended: if it is an ID within its limit, that counts.
    fn end_lost_line(&mut self) {
        match Line::new(self.line.bytes()) {
            Line::Id(value) if value.len() <= self.config.max_id_len => self.last_event_id.set_buffer(value),
            Line::Id(_)
            | Line::Blank
            | Line::Comment(_)
            | Line::Data(_)
            | Line::EventType(_)
            | Line::Retry(_)
            | Line::Ignored => {}
        }
        self.line.clear();
    }
}

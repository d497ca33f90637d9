//! The sections of a component in their order, without those of what is nested in it.

use wasmparser::{Chunk, Encoding, Parser, Payload};

use super::unfit::Unfit;

/// Reads a component section by section; a core module or component inside is one section.
#[derive(Debug)]
pub(super) struct Sections<'a> {
    parser: Parser,
    rest: &'a [u8],
    ended: bool,
}

impl<'a> Sections<'a> {
    pub(super) fn new(component: &'a [u8]) -> Self {
        Self { parser: Parser::new(0), rest: component, ended: false }
    }

    /// The next section; `None` after the last.
    pub(super) fn next(&mut self) -> Result<Option<Payload<'a>>, Unfit> {
        if self.ended {
            return Ok(None);
        }
        let cut_off = || Unfit::Invalid { reason: "it is cut off".to_owned() };
        let Chunk::Parsed { consumed, payload } = self.parser.parse(self.rest, true)? else {
            return Err(cut_off());
        };
        if let Payload::Version { encoding: Encoding::Module, .. } = payload {
            return Err(Unfit::Invalid { reason: "it is a core module".to_owned() });
        }
        let mut length = consumed;
        if let Payload::ModuleSection { unchecked_range, .. }
        | Payload::ComponentSection { unchecked_range, .. } = &payload
        {
            length = length.saturating_add(unchecked_range.len());
        }
        self.rest = self.rest.get(length..).ok_or_else(cut_off)?;
        self.ended = matches!(payload, Payload::End(_));
        Ok(Some(payload))
    }
}

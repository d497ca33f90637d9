//! The server's name in a TLS ClientHello (RFC 6066 section 3), however it is cut into records and segments.

/// Longest ClientHello that is looked at, with the headers of its records: several times what post-quantum keys and a
/// list of tickets take. It is put together anew with each segment, so that nothing is held for it here; a client that
/// sends single bytes makes that cost 32 KiB of copying for each, and no more.
pub(crate) const HELLO_BYTES_MAX: u32 = 32 * 1024;

/// Longest piece of a message in one record (RFC 8446 section 5.1).
const RECORD_BYTES_MAX: usize = 1 << 14;

/// Type of a record that carries handshake messages, type of the message, and type of an extension and of a name in it.
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const SERVER_NAME: u16 = 0;
const HOST_NAME: u8 = 0;

/// What is known of a ClientHello.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Hello {
    /// It is not complete.
    Part,
    /// It is, and names the server or does not.
    Whole(Option<String>),
    /// It is none, or a broken one.
    Broken,
}

impl Hello {
    /// Reads the beginning of what a TLS client sends: all of it so far, at most [`HELLO_BYTES_MAX`].
    pub(crate) fn read(mut stream: &[u8]) -> Self {
        let unfinished = if stream.len() < HELLO_BYTES_MAX as usize { Self::Part } else { Self::Broken };
        let mut message = Vec::new();
        while let [kind, major, _minor, high, low, content @ ..] = stream {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            // Records of handshakes are never empty.
            if *kind != HANDSHAKE || *major != 3 || !(1..=RECORD_BYTES_MAX).contains(&length) {
                return Self::Broken;
            }
            let (piece, behind) = content.split_at(length.min(content.len()));
            message.extend_from_slice(piece);
            stream = behind;
        }
        match message[..] {
            [kind, ..] if kind != CLIENT_HELLO => Self::Broken,
            [_, high, middle, low, ref rest @ ..] => {
                let length = u32::from_be_bytes([0, high, middle, low]);
                match rest.get(..length as usize) {
                    Some(body) => server_name(&mut Reader(body)).map_or(Self::Broken, Self::Whole),
                    None if length < HELLO_BYTES_MAX => unfinished,
                    None => Self::Broken,
                }
            }
            _ => unfinished,
        }
    }
}

/// The first host name of a ClientHello (RFC 8446 section 4.1.2); `None` if its lengths do not fit.
fn server_name(hello: &mut Reader<'_>) -> Option<Option<String>> {
    let (_version, _random) = (hello.number()?, hello.take(32)?);
    let (_session, _suites, _compression) = (hello.short()?, hello.long()?, hello.short()?);
    if hello.0.is_empty() {
        return Some(None);
    }
    let mut extensions = Reader(hello.long()?);
    while !extensions.0.is_empty() {
        let (kind, content) = (extensions.number()?, extensions.long()?);
        if kind != SERVER_NAME {
            continue;
        }
        let mut names = Reader(Reader(content).long()?);
        while !names.0.is_empty() {
            let (kind, name) = (names.byte()?, names.long()?);
            if kind == HOST_NAME {
                // A name that a table cannot show as it is, is none (RFC 6066: ASCII, without a dot at the end).
                let is_plain = !name.is_empty() && name.len() <= 255 && name.iter().all(u8::is_ascii_graphic);
                return is_plain.then(|| Some(name.escape_ascii().to_string()));
            }
        }
    }
    Some(None)
}

/// Takes numbers and vectors (RFC 8446 section 3.4) from the beginning of bytes.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn number(&mut self) -> Option<u16> {
        self.take(2)?.first_chunk().copied().map(u16::from_be_bytes)
    }

    /// A vector whose length has one byte.
    fn short(&mut self) -> Option<&'a [u8]> {
        let length = self.byte()?;
        self.take(length.into())
    }

    /// A vector whose length has two bytes.
    fn long(&mut self) -> Option<&'a [u8]> {
        let length = self.number()?;
        self.take(length.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A ClientHello with these extensions, in records of at most `record` bytes.
    fn hello(extensions: &[u8], record: usize) -> Vec<u8> {
        let length = |bytes: &[u8]| u16::try_from(bytes.len()).unwrap().to_be_bytes();
        let mut body = [vec![3, 3], vec![7; 32], vec![0, 0, 2, 0x13, 1, 1, 0]].concat();
        body.extend(length(extensions));
        body.extend(extensions);
        let message = [&[1, 0][..], &length(&body), &body].concat();
        message.chunks(record).flat_map(|piece| [&[22, 3, 1][..], &length(piece), piece].concat()).collect()
    }

    const NAMED: &[u8] = &[0, 43, 0, 1, 9, 0, 0, 0, 8, 0, 6, 0, 0, 3, b'a', b'.', b'b'];

    #[test]
    fn the_name_is_found_however_records_and_segments_are_cut() {
        for record in [1_000, 7, 1, 5] {
            let bytes = hello(NAMED, record);
            for length in 0..bytes.len() {
                assert_eq!(Hello::read(&bytes[..length]), Hello::Part, "{record} {length}");
            }
            assert_eq!(Hello::read(&bytes), Hello::Whole(Some("a.b".into())), "{record}");
        }
    }

    #[test]
    fn a_hello_without_a_name_is_whole() {
        assert_eq!(Hello::read(&hello(&[0, 43, 0, 1, 9], 1_000)), Hello::Whole(None));
    }

    #[test]
    fn lengths_that_do_not_fit_are_broken() {
        // A list longer than its extension, a name longer than its list, an extension longer than all of them.
        for (place, length) in [(8, 9), (10, 200), (13, 4), (3, 200), (8, 7)] {
            let mut extensions = NAMED.to_vec();
            extensions[place] = length;
            assert_eq!(Hello::read(&hello(&extensions, 1_000)), Hello::Broken, "{place}");
        }
        let empty = [22, 3, 1, 0, 0];
        let endless = [22, 3, 1, 0, 4, 1, 0, 0x80, 1];
        let data = [23, 3, 3, 0, 1];
        for bytes in [&empty[..], &endless, &data] {
            assert_eq!(Hello::read(bytes), Hello::Broken, "{bytes:?}");
        }
    }

    #[test]
    fn a_hello_in_more_records_than_fit_is_broken() {
        let bytes = hello(&[&[0xff, 0, 0x20, 0][..], &[0; 0x2000]].concat(), 1);
        assert_eq!(Hello::read(&bytes[..HELLO_BYTES_MAX as usize]), Hello::Broken);
    }
}

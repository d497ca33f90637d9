//! Finds the request lines in what an HTTP/1 client sends (RFC 9112).

/// Longest line of a head.
const LINE_BYTES_MAX: usize = 16 * 1024;

/// What a client sends, as far as it has come.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    /// Requests whose line is complete.
    pub(crate) count: u64,
    /// The first `Host` field.
    pub(crate) host: Option<String>,
    part: Part,
    line: Vec<u8>,
    /// Of the request at hand: bytes of its body, or that it comes in chunks.
    length: u64,
    is_chunked: bool,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Part {
    /// The request line, or an empty line before it.
    #[default]
    Request,
    Field,
    /// So many bytes that are no lines.
    Body(u64),
    ChunkSize,
    Trailer,
}

/// Where requests begin cannot be told any more.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Lost;

impl Requests {
    /// The next bytes of the stream; calls `on_request` with each request line that they complete.
    pub(crate) fn push(&mut self, mut bytes: &[u8], mut on_request: impl FnMut(&str)) -> Result<(), Lost> {
        while let Some((first, behind)) = bytes.split_first() {
            if let Part::Body(left) = self.part {
                let skipped = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                bytes = &bytes[skipped..];
                self.part = match left - skipped as u64 {
                    0 if self.is_chunked => Part::ChunkSize,
                    0 => Part::Request,
                    left => Part::Body(left),
                };
                continue;
            }
            bytes = behind;
            if *first != b'\n' {
                self.line.push(*first);
                if self.line.len() > LINE_BYTES_MAX {
                    return Err(Lost);
                }
                continue;
            }
            let line = std::mem::take(&mut self.line);
            let line = line.strip_suffix(b"\r").unwrap_or(&line);
            self.part = self.next(&String::from_utf8_lossy(line), &mut on_request).ok_or(Lost)?;
        }
        Ok(())
    }

    /// Bytes that are collected of a line that is not complete.
    pub(crate) fn collected_bytes(&self) -> usize {
        self.line.len()
    }

    /// What follows a line.
    fn next(&mut self, line: &str, on_request: &mut impl FnMut(&str)) -> Option<Part> {
        match self.part {
            Part::Request if line.is_empty() => Some(Part::Request),
            Part::Request => {
                let mut words = line.split(' ');
                let (method, version) = (words.next()?, words.next_back()?);
                // Behind CONNECT comes a tunnel.
                if !version.starts_with("HTTP/1.") || method == "CONNECT" {
                    return None;
                }
                (self.length, self.is_chunked) = (0, false);
                self.count += 1;
                on_request(line);
                Some(Part::Field)
            }
            Part::Field if !line.is_empty() => {
                let (name, value) = line.split_once(':')?;
                self.field(&name.to_ascii_lowercase(), value.trim())?;
                Some(Part::Field)
            }
            Part::Field if self.is_chunked => Some(Part::ChunkSize),
            Part::Field if self.length > 0 => Some(Part::Body(self.length)),
            Part::Trailer if !line.is_empty() => Some(Part::Trailer),
            Part::Field | Part::Trailer => Some(Part::Request),
            Part::ChunkSize => {
                let size = line.split(';').next().unwrap_or_default().trim();
                match u64::from_str_radix(size, 16).ok()? {
                    0 => Some(Part::Trailer),
                    // With the line end behind it.
                    size => Some(Part::Body(size.checked_add(2)?)),
                }
            }
            Part::Body(_) => None,
        }
    }

    fn field(&mut self, name: &str, value: &str) -> Option<()> {
        match name {
            "content-length" => self.length = value.parse().ok()?,
            "transfer-encoding" => self.is_chunked = value.to_ascii_lowercase().ends_with("chunked"),
            // As long as a name can be (RFC 1035 section 2.3.4), with a port.
            "host" if self.host.is_none() && value.len() <= 261 => {
                self.host = Some(value.escape_default().to_string())
            }
            _ => {}
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(stream: &str, segment: usize) -> Result<(Vec<String>, Requests), Lost> {
        let (mut lines, mut requests) = (Vec::new(), Requests::default());
        for piece in stream.as_bytes().chunks(segment) {
            requests.push(piece, |line| lines.push(line.to_owned()))?;
        }
        Ok((lines, requests))
    }

    #[test]
    fn bodies_are_not_taken_for_requests() {
        let stream = "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 18\r\n\r\nGET /x HTTP/1.1\r\n\n\
            PUT /b HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n11;e=1\r\nGET /y HTTP/1.1\r\n\r\n0\r\nT: 1\r\n\r\n\
            \r\nGET /c HTTP/1.0\r\nHost: other\r\n\r\n";
        for segment in [1, 7, 1_000] {
            let (lines, requests) = lines(stream, segment).unwrap();
            assert_eq!(lines, ["POST /a HTTP/1.1", "PUT /b HTTP/1.1", "GET /c HTTP/1.0"], "{segment}");
            assert_eq!((requests.count, requests.host.as_deref()), (3, Some("h")));
        }
    }

    #[test]
    fn what_is_not_http_is_lost() {
        let long = "G".repeat(LINE_BYTES_MAX + 1);
        let sizes = "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n";
        for stream in
            ["GET /\r\n", "CONNECT h:1 HTTP/1.1\r\n", "GET / HTTP/1.1\r\nno field\r\n", &long, sizes]
        {
            assert_eq!(lines(stream, 1_000).map(|_| ()), Err(Lost), "{stream:.20}");
        }
    }
}

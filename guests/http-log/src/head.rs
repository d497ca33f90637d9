//! The head of a message: request or status line and the fields that matter here.

use httparse::{EMPTY_HEADER, Header, Status};

/// Fields that a head may have.
const FIELDS_MAX: usize = 128;

/// Bytes that are kept of a URL or a field's value: what is logged stays within what the host takes.
const TEXT_BYTES_MAX: usize = 4_096;

/// How the end of a body is found (RFC 9112 section 6.3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Framing {
    /// After this many bytes.
    Length(u64),
    /// By its own chunks.
    Chunked,
    /// With the connection.
    UntilClose,
}

/// The head of a request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) url: String,
    pub(crate) protocol: &'static str,
    pub(crate) host: Option<String>,
    pub(crate) user_agent: Option<String>,
    pub(crate) framing: Framing,
}

/// The head of a response.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) content_type: Option<String>,
    /// As its fields say; the request and the status may say that there is no body at all.
    pub(crate) framing: Framing,
}

/// A head that is no HTTP, or does not say where its body ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct BadHead;

impl Request {
    /// Bytes of memory, roughly.
    pub(crate) fn held_bytes(&self) -> usize {
        let optional = [&self.host, &self.user_agent].map(|text| text.as_ref().map_or(0, String::len));
        size_of::<Self>() + self.method.len() + self.url.len() + optional.iter().sum::<usize>()
    }

    /// Parses a whole head, the empty line included.
    pub(crate) fn parse(head: &[u8]) -> Result<Self, BadHead> {
        let mut fields = [EMPTY_HEADER; FIELDS_MAX];
        let mut request = httparse::Request::new(&mut fields);
        let Ok(Status::Complete(_)) = request.parse(head) else { return Err(BadHead) };
        let (Some(method), Some(url), Some(minor)) = (request.method, request.path, request.version) else {
            return Err(BadHead);
        };
        Ok(Self {
            method: method.into(),
            url: clip(url),
            protocol: if minor == 0 { "HTTP/1.0" } else { "HTTP/1.1" },
            host: field(request.headers, "host"),
            user_agent: field(request.headers, "user-agent"),
            // A request without a length has no body; one whose chunks are not the last coding has no end.
            framing: match framing(request.headers)? {
                Some(Framing::UntilClose) => return Err(BadHead),
                Some(framing) => framing,
                None => Framing::Length(0),
            },
        })
    }
}

impl Response {
    /// Parses a whole head, the empty line included.
    pub(crate) fn parse(head: &[u8]) -> Result<Self, BadHead> {
        let mut fields = [EMPTY_HEADER; FIELDS_MAX];
        let mut response = httparse::Response::new(&mut fields);
        let Ok(Status::Complete(_)) = response.parse(head) else { return Err(BadHead) };
        Ok(Self {
            status: response.code.ok_or(BadHead)?,
            content_type: field(response.headers, "content-type"),
            framing: framing(response.headers)?.unwrap_or(Framing::UntilClose),
        })
    }
}

/// The first field of this name.
fn field(fields: &[Header<'_>], name: &str) -> Option<String> {
    let field = fields.iter().find(|field| field.name.eq_ignore_ascii_case(name))?;
    Some(clip(&String::from_utf8_lossy(field.value)))
}

fn clip(text: &str) -> String {
    text[..text.floor_char_boundary(TEXT_BYTES_MAX)].into()
}

/// What the fields say, if anything.
fn framing(fields: &[Header<'_>]) -> Result<Option<Framing>, BadHead> {
    let mut coded = None;
    let mut length = None;
    for field in fields {
        if field.name.eq_ignore_ascii_case("transfer-encoding") {
            let last = field.value.rsplit(|&byte| byte == b',').next().unwrap_or_default().trim_ascii();
            let chunked = last.eq_ignore_ascii_case(b"chunked");
            coded = Some(if chunked { Framing::Chunked } else { Framing::UntilClose });
        } else if field.name.eq_ignore_ascii_case("content-length") {
            // The same length may be repeated; two lengths have no meaning.
            for member in field.value.split(|&byte| byte == b',') {
                let member = decimal(member.trim_ascii())?;
                if *length.get_or_insert(member) != member {
                    return Err(BadHead);
                }
            }
        }
    }
    // Chunks win over a length.
    Ok(coded.or(length.map(Framing::Length)))
}

/// Digits and nothing else.
fn decimal(digits: &[u8]) -> Result<u64, BadHead> {
    if digits.is_empty() {
        return Err(BadHead);
    }
    digits.iter().try_fold(0_u64, |number, digit| {
        let digit = digit.checked_sub(b'0').filter(|&digit| digit < 10).ok_or(BadHead)?;
        number.checked_mul(10).and_then(|number| number.checked_add(digit.into())).ok_or(BadHead)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_gives_what_is_logged() {
        let head = b"GET /a?b HTTP/1.1\r\nHOST: example.net\r\nUser-Agent: curl/8\r\n\r\n";
        let request = Request::parse(head).unwrap();
        assert_eq!(
            request,
            Request {
                method: "GET".into(),
                url: "/a?b".into(),
                protocol: "HTTP/1.1",
                host: Some("example.net".into()),
                user_agent: Some("curl/8".into()),
                framing: Framing::Length(0),
            }
        );
    }

    #[test]
    fn fields_say_where_the_body_ends() {
        let framing = |fields: &str| {
            Response::parse(format!("HTTP/1.1 200 OK\r\n{fields}\r\n").as_bytes()).map(|head| head.framing)
        };
        let table = [
            ("", Ok(Framing::UntilClose)),
            ("Content-Length: 5\r\n", Ok(Framing::Length(5))),
            ("Content-Length: 5, 5\r\n", Ok(Framing::Length(5))),
            ("Content-Length: 5\r\nContent-Length: 6\r\n", Err(BadHead)),
            ("Content-Length: -5\r\n", Err(BadHead)),
            ("Content-Length:\r\n", Err(BadHead)),
            ("Content-Length: 99999999999999999999\r\n", Err(BadHead)),
            ("Transfer-Encoding: gzip, Chunked\r\n", Ok(Framing::Chunked)),
            ("Transfer-Encoding: gzip\r\n", Ok(Framing::UntilClose)),
            ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", Ok(Framing::Chunked)),
        ];
        for (fields, wanted) in table {
            assert_eq!(framing(fields), wanted, "{fields:?}");
        }
    }

    #[test]
    fn long_texts_are_clipped() {
        let head = format!("GET /{} HTTP/1.1\r\nHost: {}\r\n\r\n", "u".repeat(9_000), "é".repeat(9_000));
        let request = Request::parse(head.as_bytes()).unwrap();
        assert_eq!(request.url.len(), TEXT_BYTES_MAX);
        assert_eq!(request.host.unwrap().len(), TEXT_BYTES_MAX);
    }

    #[test]
    fn other_protocols_are_refused() {
        assert_eq!(Request::parse(b"HELO example.net\r\n\r\n"), Err(BadHead));
        assert_eq!(Response::parse(b"220 ready\r\n\r\n"), Err(BadHead));
    }
}

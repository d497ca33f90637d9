//! Filter expressions of monitors, without libpcap: what they mean is not at stake here.

use sluice_engine::event::Predicate;
use sluice_guest::FilterCompiler;

/// Bytes into a datagram at which IPv4 says which protocol it carries.
const PROTOCOL: usize = 9;

/// Takes `tcp...` as TCP over IPv4, `udp...` as UDP over IPv4, an expression with `((` for a mistake, and any other for
/// all packets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Filters;

struct Carries(Option<u8>);

impl Predicate for Carries {
    fn matches(&mut self, datagram: &[u8]) -> bool {
        self.0.is_none_or(|protocol| datagram.get(PROTOCOL) == Some(&protocol))
    }
}

impl FilterCompiler for Filters {
    fn compile(&self, expression: &str) -> Result<Box<dyn Predicate>, String> {
        if expression.contains("((") {
            return Err("syntax error".to_owned());
        }
        let protocol = match expression.get(..3) {
            Some("tcp") => Some(6),
            Some("udp") => Some(17),
            _ => None,
        };
        Ok(Box::new(Carries(protocol)))
    }
}

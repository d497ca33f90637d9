//! The enums of the WIT and what they mean to the engine.

use sluice_engine::event::{End, Hook};
use sluice_engine::reassembly::Level;
use sluice_engine::view::Region;
use sluice_engine::{Direction, Side, Sides};

use crate::Severity;
use crate::world::{event, log, packet, stream, types};

/// Converts an enum of the WIT into the engine's with the same cases.
macro_rules! word {
    ($word:ty => $meaning:ident { $($variant:ident),+ }) => {
        impl From<$word> for $meaning {
            fn from(word: $word) -> Self {
                match word {
                    $(<$word>::$variant => Self::$variant),+
                }
            }
        }
    };
}

word! { types::Side => Side { Client, Server } }
word! { types::Direction => Direction { ToServer, ToClient } }
word! { types::Hook => Hook { None, Sender, Receiver } }
word! { stream::Level => Level { State, Count, Full } }
word! { packet::Region => Region { Frame, Ip, Tcp, Payload } }
word! { log::Severity => Severity { Error, Warn, Info, Debug } }
word! { event::End => End { Client, Server, Either } }

impl From<types::Sides> for Sides {
    fn from(word: types::Sides) -> Self {
        match word {
            types::Sides::Client => Self::CLIENT,
            types::Sides::Server => Self::SERVER,
            types::Sides::Both => Self::BOTH,
        }
    }
}

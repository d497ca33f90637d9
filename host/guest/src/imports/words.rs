//! The enums that guests pass, as types of the component model, and what they mean to the engine.

use sluice_engine::event::Hook;
use sluice_engine::reassembly::Level;
use sluice_engine::view::Region;
use sluice_engine::{Direction, Side, Sides};
use wasmtime::component::{ComponentType, Lift};

use crate::Severity;

/// Defines an enum of the WIT and its conversion into the engine's enum with the same variants.
macro_rules! word {
    ($name:ident is $meaning:ident { $($variant:ident = $word:literal),+ }) => {
        #[doc = concat!("What a guest passes for a [`", stringify!($meaning), "`].")]
        #[derive(Clone, Copy, ComponentType, Lift)]
        #[component(enum)]
        #[repr(u8)]
        #[expect(dead_code, reason = "made from its number, by the canonical ABI alone")]
        pub(in crate::imports) enum $name {
            $(#[component(name = $word)] $variant),+
        }

        impl From<$name> for $meaning {
            fn from(word: $name) -> Self {
                match word {
                    $($name::$variant => Self::$variant),+
                }
            }
        }
    };
}

pub(super) use word;

word! { SideName is Side { Client = "client", Server = "server" } }
word! { DirectionName is Direction { ToServer = "to-server", ToClient = "to-client" } }
word! { HookName is Hook { None = "none", Sender = "sender", Receiver = "receiver" } }
word! { LevelName is Level { State = "state", Count = "count", Full = "full" } }
word! { RegionName is Region { Frame = "frame", Ip = "ip", Tcp = "tcp", Payload = "payload" } }
word! { SeverityName is Severity { Error = "error", Warn = "warn", Info = "info", Debug = "debug" } }

/// What a guest passes for [`Sides`].
#[derive(Clone, Copy, ComponentType, Lift)]
#[component(enum)]
#[repr(u8)]
#[expect(dead_code, reason = "made from its number, by the canonical ABI alone")]
pub(super) enum SidesName {
    #[component(name = "client")]
    Client,
    #[component(name = "server")]
    Server,
    #[component(name = "both")]
    Both,
}

impl From<SidesName> for Sides {
    fn from(word: SidesName) -> Self {
        match word {
            SidesName::Client => Self::CLIENT,
            SidesName::Server => Self::SERVER,
            SidesName::Both => Self::BOTH,
        }
    }
}

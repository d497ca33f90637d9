//! What a file says about itself, read without trust: a broken one gives what could be read.

use wasmparser::{Encoding, MemoryType, Parser, Payload, ProducersSectionReader};

/// Names of each sort that are kept; a hostile file may have millions.
const NAMES_MAX: usize = 1000;

/// What a file is.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Kind {
    /// Something else.
    #[default]
    Other,
    /// What compilers make.
    CoreModule,
    /// What sluice loads.
    Component,
}

impl Kind {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Other => "not WebAssembly",
            Self::CoreModule => "core module",
            Self::Component => "component",
        }
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Facts {
    pub(super) kind: Kind,
    /// Of the file as a whole, not of the modules in it.
    pub(super) imports: Vec<String>,
    /// Likewise.
    pub(super) exports: Vec<String>,
    /// Of all modules in the file.
    pub(super) memories: Vec<MemoryType>,
    /// Tools and their versions.
    pub(super) producers: Vec<String>,
    /// Where it broke off.
    pub(super) error: Option<String>,
    /// How deep in modules within components the reading is.
    depth: usize,
}

impl Facts {
    pub(super) fn of(bytes: &[u8]) -> Self {
        let mut facts = Self::default();
        for payload in Parser::new(0).parse_all(bytes) {
            if let Err(error) = payload.and_then(|payload| facts.take(payload)) {
                if facts.kind != Kind::Other {
                    facts.error = Some(error.to_string());
                }
                break;
            }
        }
        facts
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "other sections are not shown")]
    fn take(&mut self, payload: Payload<'_>) -> wasmparser::Result<()> {
        let is_outermost = self.depth == 1;
        match payload {
            Payload::Version { encoding, .. } => {
                if self.depth == 0 {
                    self.kind = match encoding {
                        Encoding::Module => Kind::CoreModule,
                        Encoding::Component => Kind::Component,
                    };
                }
                self.depth = self.depth.saturating_add(1);
            }
            Payload::End(_) => self.depth = self.depth.saturating_sub(1),
            Payload::ImportSection(imports) if is_outermost => {
                for import in imports.into_imports() {
                    let import = import?;
                    keep(&mut self.imports, || format!("{} {}", import.module, import.name));
                }
            }
            Payload::ComponentImportSection(imports) if is_outermost => {
                for import in imports {
                    let name = import?.name.name;
                    keep(&mut self.imports, || name.to_owned());
                }
            }
            Payload::ExportSection(exports) if is_outermost => {
                for export in exports {
                    let name = export?.name;
                    keep(&mut self.exports, || name.to_owned());
                }
            }
            Payload::ComponentExportSection(exports) if is_outermost => {
                for export in exports {
                    let name = export?.name.name;
                    keep(&mut self.exports, || name.to_owned());
                }
            }
            Payload::MemorySection(memories) => {
                for memory in memories {
                    if self.memories.len() < NAMES_MAX {
                        self.memories.push(memory?);
                    }
                }
            }
            Payload::CustomSection(section) if section.name() == "producers" => {
                self.take_producers(&section)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn take_producers(&mut self, section: &wasmparser::CustomSectionReader<'_>) -> wasmparser::Result<()> {
        let reader = wasmparser::BinaryReader::new(section.data(), section.data_offset());
        for field in ProducersSectionReader::new(reader)? {
            for value in field?.values {
                let value = value?;
                let producer = format!("{} {}", value.name, value.version);
                if !self.producers.contains(&producer) {
                    keep(&mut self.producers, || producer);
                }
            }
        }
        Ok(())
    }
}

fn keep(names: &mut Vec<String>, name: impl FnOnce() -> String) {
    if names.len() < NAMES_MAX {
        names.push(name());
    }
}

//! The index spaces of a component: what each number of its sections stands for.
//!
//! Aliases and bags of exports are followed while reading, so that each item says at once where it comes from. Each
//! step looks one name up in a hash table: the work grows with the file's size and no faster.

use std::collections::HashMap;

use wasmparser::{
    CanonicalFunction, CanonicalOption, ComponentAlias, ComponentExport, ComponentExternalKind,
    ComponentImport, ComponentInstance, ComponentType, ComponentTypeRef, Export, ExternalKind, Instance,
    Payload, types::Types,
};

use super::sections::Sections;
use super::unfit::{Unfit, shown};

/// An export of a core instance that was made from a module.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Exported<'a> {
    pub(super) instance: u32,
    pub(super) name: &'a str,
}

/// Where a core function comes from.
#[derive(Clone, Copy, Debug)]
pub(super) enum CoreFunction<'a> {
    /// Export of a core instance.
    Exported(Exported<'a>),
    /// A function of the component, lowered; position in [`Spaces::lowered`].
    Lowered(usize),
}

/// An item that core instances hand on to each other.
#[derive(Clone, Copy, Debug)]
pub(super) enum Item<'a> {
    Function(CoreFunction<'a>),
    Table(Exported<'a>),
    Memory(Exported<'a>),
    /// Of an instance made from a module: whatever that module exports under this name.
    Any(Exported<'a>),
}

/// A core instance.
#[derive(Debug)]
pub(super) enum CoreInstance<'a> {
    /// Made from a module; arguments are core instances.
    Instantiated { module: u32, arguments: HashMap<&'a str, u32> },
    /// A bag of items.
    Bag(HashMap<&'a str, Item<'a>>),
}

/// Where a function of the component comes from.
#[derive(Clone, Copy, Debug)]
pub(super) enum Function<'a> {
    /// Function of an imported interface.
    Imported { interface: &'a str, name: &'a str },
    /// A core function, lifted; position in [`Spaces::lifted`].
    Lifted(usize),
    /// Of an instance that the component puts together itself.
    Bagged,
}

/// Canonical options; strings are UTF-8 and calls synchronous, all else was refused.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Options<'a> {
    pub(super) memory: Option<Exported<'a>>,
    pub(super) realloc: Option<CoreFunction<'a>>,
    pub(super) post_return: Option<CoreFunction<'a>>,
}

/// All index spaces that say where a function comes from or goes to.
#[derive(Debug, Default)]
pub(super) struct Spaces<'a> {
    pub(super) modules: Vec<&'a [u8]>,
    pub(super) core_instances: Vec<CoreInstance<'a>>,
    pub(super) lifted: Vec<(CoreFunction<'a>, Options<'a>)>,
    pub(super) lowered: Vec<(Function<'a>, Options<'a>)>,
    pub(super) functions: Vec<Function<'a>>,
    /// Exports of functions: name and function.
    pub(super) exports: Vec<(&'a str, Function<'a>)>,
    core_functions: Vec<CoreFunction<'a>>,
    tables: Vec<Exported<'a>>,
    memories: Vec<Exported<'a>>,
    /// Instances of the component; the name of those that are imported.
    interfaces: Vec<Option<&'a str>>,
}

impl<'a> Spaces<'a> {
    /// Reads a component, which is valid and has these types.
    ///
    /// # Errors
    ///
    /// [`Unfit`] for all that a component of one core module does not need.
    pub(super) fn read(component: &'a [u8], types: &Types) -> Result<Self, Unfit> {
        let mut spaces = Self::default();
        let mut sections = Sections::new(component);
        while let Some(payload) = sections.next()? {
            spaces.add_section(component, payload, types)?;
        }
        Ok(spaces)
    }

    fn add_section(&mut self, component: &'a [u8], section: Payload<'a>, types: &Types) -> Result<(), Unfit> {
        if let Payload::ModuleSection { unchecked_range, .. } = section {
            self.modules.push(component.get(unchecked_range).ok_or_else(out_of_range)?);
        } else if let Payload::InstanceSection(instances) = section {
            for instance in instances {
                let instance = self.core_instance(instance?)?;
                self.core_instances.push(instance);
            }
        } else if let Payload::ComponentInstanceSection(instances) = section {
            for instance in instances {
                match instance? {
                    ComponentInstance::Instantiate { .. } => return Err(Unfit::NestedComponent),
                    ComponentInstance::FromExports(_) => self.interfaces.push(None),
                }
            }
        } else if let Payload::ComponentAliasSection(aliases) = section {
            for alias in aliases {
                self.add_alias(alias?)?;
            }
        } else if let Payload::ComponentTypeSection(defined) = section {
            for ty in defined {
                if let ComponentType::Resource { .. } = ty? {
                    return Err(Unfit::Resource);
                }
            }
        } else if let Payload::ComponentCanonicalSection(functions) = section {
            for function in functions {
                self.add_canonical(&function?, types)?;
            }
        } else if let Payload::ComponentImportSection(imports) = section {
            for import in imports {
                self.add_import(&import?)?;
            }
        } else if let Payload::ComponentExportSection(exports) = section {
            for export in exports {
                self.add_export(&export?)?;
            }
        } else if let Payload::ComponentSection { .. } = section {
            return Err(Unfit::NestedComponent);
        } else if let Payload::ComponentStartSection { .. } = section {
            return Err(Unfit::ComponentStart);
        } else if let Payload::UnknownSection { .. } = section {
            return Err(Unfit::Invalid { reason: "a section of an unknown kind".to_owned() });
        }
        Ok(())
    }

    fn core_instance(&self, instance: Instance<'a>) -> Result<CoreInstance<'a>, Unfit> {
        Ok(match instance {
            Instance::Instantiate { module_index: module, args } => {
                let arguments = args.iter().map(|argument| (argument.name, argument.index)).collect();
                CoreInstance::Instantiated { module, arguments }
            }
            Instance::FromExports(exports) => {
                let items = exports.iter().map(|export| Ok((export.name, self.bag_item(export)?)));
                CoreInstance::Bag(items.collect::<Result<_, Unfit>>()?)
            }
        })
    }

    fn bag_item(&self, export: &Export<'a>) -> Result<Item<'a>, Unfit> {
        match export.kind {
            ExternalKind::Func => Ok(Item::Function(self.core_function(export.index)?)),
            ExternalKind::Table => Ok(Item::Table(*at(&self.tables, export.index)?)),
            ExternalKind::Memory => Ok(Item::Memory(*at(&self.memories, export.index)?)),
            kind @ (ExternalKind::Global | ExternalKind::Tag | ExternalKind::FuncExact) => {
                Err(shared_item(kind, export.name))
            }
        }
    }

    fn add_alias(&mut self, alias: ComponentAlias<'a>) -> Result<(), Unfit> {
        match alias {
            ComponentAlias::CoreInstanceExport { kind, instance_index, name } => {
                self.add_core_alias(kind, instance_index, name)?;
            }
            ComponentAlias::InstanceExport { kind, instance_index, name } => match kind {
                ComponentExternalKind::Func => {
                    let interface = at(&self.interfaces, instance_index)?;
                    let function = |interface| Function::Imported { interface, name };
                    self.functions.push(interface.map_or(Function::Bagged, function));
                }
                ComponentExternalKind::Instance => self.interfaces.push(None),
                ComponentExternalKind::Type => {}
                ComponentExternalKind::Module
                | ComponentExternalKind::Component
                | ComponentExternalKind::Value => return Err(Unfit::NestedComponent),
            },
            // Of a component at the top level, only itself is outside.
            ComponentAlias::Outer { .. } => return Err(Unfit::NestedComponent),
        }
        Ok(())
    }

    fn add_core_alias(&mut self, kind: ExternalKind, instance: u32, name: &'a str) -> Result<(), Unfit> {
        let item = self.item(instance, name)?;
        match (kind, item) {
            (ExternalKind::Func, Item::Function(function)) => self.core_functions.push(function),
            (ExternalKind::Func, Item::Any(exported)) => {
                self.core_functions.push(CoreFunction::Exported(exported));
            }
            (ExternalKind::Table, Item::Table(table) | Item::Any(table)) => self.tables.push(table),
            (ExternalKind::Memory, Item::Memory(memory) | Item::Any(memory)) => self.memories.push(memory),
            _ => return Err(shared_item(kind, name)),
        }
        Ok(())
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "sixty built-ins are refused in one way")]
    fn add_canonical(&mut self, function: &CanonicalFunction, types: &Types) -> Result<(), Unfit> {
        match function {
            CanonicalFunction::Lift { core_func_index, options, .. } => {
                let index = u32::try_from(self.functions.len()).map_err(|_| out_of_range())?;
                check_synchronous(types, index)?;
                let options = self.options(options)?;
                self.functions.push(Function::Lifted(self.lifted.len()));
                self.lifted.push((self.core_function(*core_func_index)?, options));
            }
            CanonicalFunction::Lower { func_index, options } => {
                check_synchronous(types, *func_index)?;
                let options = self.options(options)?;
                self.core_functions.push(CoreFunction::Lowered(self.lowered.len()));
                self.lowered.push((*at(&self.functions, *func_index)?, options));
            }
            other => return Err(Unfit::Builtin { name: built_in_name(other) }),
        }
        Ok(())
    }

    fn options(&self, list: &[CanonicalOption]) -> Result<Options<'a>, Unfit> {
        let mut options = Options::default();
        for option in list {
            match *option {
                CanonicalOption::UTF8 => {}
                CanonicalOption::UTF16 | CanonicalOption::CompactUTF16 => return Err(Unfit::Encoding),
                CanonicalOption::Memory(index) => options.memory = Some(*at(&self.memories, index)?),
                CanonicalOption::Realloc(index) => options.realloc = Some(self.core_function(index)?),
                CanonicalOption::PostReturn(index) => options.post_return = Some(self.core_function(index)?),
                CanonicalOption::Async | CanonicalOption::Callback(_) => return Err(Unfit::Async),
                CanonicalOption::CoreType(_) => return Err(Unfit::CanonicalOption { name: "core-type" }),
                CanonicalOption::Gc => return Err(Unfit::CanonicalOption { name: "gc" }),
            }
        }
        Ok(options)
    }

    fn add_import(&mut self, import: &ComponentImport<'a>) -> Result<(), Unfit> {
        let name = import.name.name;
        let kind = match import.ty {
            ComponentTypeRef::Instance(_) => {
                self.interfaces.push(Some(name));
                return Ok(());
            }
            ComponentTypeRef::Type(_) => return Ok(()),
            ComponentTypeRef::Func(_) => "function outside of any interface",
            ComponentTypeRef::Module(_) => "core module",
            ComponentTypeRef::Component(_) => "component",
            ComponentTypeRef::Value(_) => "value",
        };
        Err(Unfit::ImportKind { name: shown(name), kind })
    }

    fn add_export(&mut self, export: &ComponentExport<'a>) -> Result<(), Unfit> {
        let name = export.name.name;
        match export.kind {
            ComponentExternalKind::Func => {
                let function = *at(&self.functions, export.index)?;
                // An export is an item of its own behind the one that it exports.
                self.functions.push(function);
                self.exports.push((name, function));
                Ok(())
            }
            ComponentExternalKind::Type => Ok(()),
            ComponentExternalKind::Instance
            | ComponentExternalKind::Module
            | ComponentExternalKind::Component
            | ComponentExternalKind::Value => Err(Unfit::ExportKind { name: shown(name) }),
        }
    }

    fn core_function(&self, index: u32) -> Result<CoreFunction<'a>, Unfit> {
        at(&self.core_functions, index).copied()
    }

    /// What a core instance has under a name.
    fn item(&self, instance: u32, name: &'a str) -> Result<Item<'a>, Unfit> {
        match at(&self.core_instances, instance)? {
            CoreInstance::Instantiated { .. } => Ok(Item::Any(Exported { instance, name })),
            CoreInstance::Bag(items) => items.get(name).copied().ok_or_else(out_of_range),
        }
    }

    /// What a module that is instantiated with `arguments` gets for its import.
    pub(super) fn argument(
        &self,
        arguments: &HashMap<&'a str, u32>,
        module: &'a str,
        field: &'a str,
    ) -> Result<Item<'a>, Unfit> {
        self.item(*arguments.get(module).ok_or_else(out_of_range)?, field)
    }
}

/// The item with this number.
pub(super) fn at<T>(space: &[T], index: u32) -> Result<&T, Unfit> {
    usize::try_from(index).ok().and_then(|index| space.get(index)).ok_or_else(out_of_range)
}

/// A number or name that leads nowhere. The validator does not let one through.
pub(super) fn out_of_range() -> Unfit {
    Unfit::Invalid { reason: "a reference to nothing".to_owned() }
}

/// Functions of asynchronous types may block their caller, which the data path cannot.
fn check_synchronous(types: &Types, function: u32) -> Result<(), Unfit> {
    if function >= types.component_function_count() {
        return Err(out_of_range());
    }
    if types[types.component_function_at(function)].async_ { Err(Unfit::Async) } else { Ok(()) }
}

fn shared_item(kind: ExternalKind, name: &str) -> Unfit {
    let kind = match kind {
        ExternalKind::Func | ExternalKind::FuncExact => "function",
        ExternalKind::Table => "table",
        ExternalKind::Memory => "memory",
        ExternalKind::Global => "global",
        ExternalKind::Tag => "tag",
    };
    Unfit::SharedItem { kind, name: shown(name) }
}

/// `ContextGet { .. }` as "context-get".
fn built_in_name(function: &CanonicalFunction) -> String {
    let text = format!("{function:?}");
    let mut name = String::new();
    for letter in text.chars().take_while(char::is_ascii_alphanumeric) {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('-');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

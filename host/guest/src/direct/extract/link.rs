//! Which core function ends at which function of the host.

use std::collections::HashMap;

use super::fixup::{Fixup, Import};
use super::main_module::{full_name, function_imports};
use super::shim::{Shim, TABLE};
use super::spaces::{
    CoreFunction, CoreInstance, Exported, Function, Item, Options, Spaces, at, out_of_range,
};
use super::unfit::{Unfit, shown};
use super::{CoreExport, CoreImport, Extracted};
use crate::limits::DIRECT_INSTANCES_MAX;

/// A component while its links are followed.
#[derive(Debug)]
pub(super) struct Link<'s, 'a> {
    spaces: &'s Spaces<'a>,
    /// Number of the core instance with the exports.
    main: u32,
    /// Names that all functions must agree on.
    memory: Option<&'a str>,
    realloc: Option<&'a str>,
    /// Number of the shim's instance, and the shim.
    shim: Option<(u32, Shim)>,
    /// What the elements of the shim's table are filled with.
    slots: Option<Vec<CoreFunction<'a>>>,
    initialize: Option<&'a str>,
}

/// A core instance made from a module.
struct Instantiated<'s, 'a> {
    module: &'a [u8],
    arguments: &'s HashMap<&'a str, u32>,
}

impl<'s, 'a> Link<'s, 'a> {
    /// Finds the main module's instance.
    pub(super) fn new(spaces: &'s Spaces<'a>) -> Result<Self, Unfit> {
        let mut main = None;
        for (name, function) in &spaces.exports {
            let Function::Lifted(position) = *function else {
                return Err(Unfit::ExportKind { name: shown(name) });
            };
            let (core, _) = spaces.lifted.get(position).ok_or_else(out_of_range)?;
            match (core, main) {
                // A lowered import that is lifted again.
                (CoreFunction::Lowered(_), _) => return Err(Unfit::ExportKind { name: shown(name) }),
                (CoreFunction::Exported(exported), None) => main = Some(exported.instance),
                (CoreFunction::Exported(exported), Some(main)) if exported.instance == main => {}
                (CoreFunction::Exported(_), Some(_)) => return Err(Unfit::OtherExport),
            }
        }
        let main = main.ok_or(Unfit::NoExport)?;
        let (memory, realloc, shim, slots, initialize) = (None, None, None, None, None);
        Ok(Self { spaces, main, memory, realloc, shim, slots, initialize })
    }

    /// Follows all links.
    pub(super) fn extract(mut self) -> Result<Extracted<'a>, Unfit> {
        let made = |instance: &&CoreInstance<'_>| matches!(instance, CoreInstance::Instantiated { .. });
        if self.spaces.core_instances.iter().filter(made).count() > DIRECT_INSTANCES_MAX {
            return Err(self.several_modules());
        }
        let main = self.instantiated(self.main)?;
        let names = function_imports(main.module)?;
        let mut sources = Vec::new();
        for (module, field) in &names {
            let item = self.spaces.argument(main.arguments, module, field)?;
            sources.push(self.function(item, (module, field))?);
        }
        let exports = self.exports()?;
        self.find_shim(&sources)?;
        self.read_fixups()?;
        let mut imports = Vec::new();
        for ((module, field), source) in names.iter().zip(sources) {
            imports.push(self.import(module, field, source)?);
        }
        Ok(Extracted {
            module: main.module,
            imports,
            exports,
            memory: self.memory.ok_or(Unfit::NoMemory)?,
            realloc: self.realloc,
            initialize: self.initialize,
        })
    }

    fn instantiated(&self, instance: u32) -> Result<Instantiated<'s, 'a>, Unfit> {
        match at(&self.spaces.core_instances, instance)? {
            CoreInstance::Instantiated { module, arguments } => {
                Ok(Instantiated { module: at(&self.spaces.modules, *module)?, arguments })
            }
            CoreInstance::Bag(_) => Err(out_of_range()),
        }
    }

    fn several_modules(&self) -> Unfit {
        Unfit::CoreModules { count: self.spaces.modules.len() }
    }

    /// An item that must be a function, for it was declared as one.
    fn function(&self, item: Item<'a>, name: (&str, &str)) -> Result<CoreFunction<'a>, Unfit> {
        match item {
            Item::Function(function) => Ok(function),
            Item::Any(exported) => Ok(CoreFunction::Exported(exported)),
            Item::Table(_) | Item::Memory(_) => {
                Err(Unfit::CoreImportKind { name: full_name(name.0, name.1) })
            }
        }
    }

    /// The shim is the one module whose exports the main module imports.
    fn find_shim(&mut self, sources: &[CoreFunction<'a>]) -> Result<(), Unfit> {
        for source in sources {
            let CoreFunction::Exported(exported) = source else { continue };
            match &self.shim {
                Some((instance, _)) if *instance == exported.instance => {}
                Some(_) => return Err(self.several_modules()),
                None => {
                    let module = self.instantiated(exported.instance)?.module;
                    if !Shim::is_meant(module)? {
                        return Err(self.several_modules());
                    }
                    self.shim = Some((exported.instance, Shim::read(module)?));
                }
            }
        }
        Ok(())
    }

    /// Reads all modules but the main one and the shim, in the order in which they are instantiated.
    fn read_fixups(&mut self) -> Result<(), Unfit> {
        let shim = self.shim.as_ref().map(|(instance, _)| *instance);
        for (number, instance) in (0_u32..).zip(&self.spaces.core_instances) {
            let helper = number != self.main && Some(number) != shim;
            if !helper || matches!(instance, CoreInstance::Bag(_)) {
                continue;
            }
            let Instantiated { module, arguments } = self.instantiated(number)?;
            let fixup = Fixup::read(module)?.ok_or_else(|| self.several_modules())?;
            if let Some((table, count)) = fixup.fill {
                self.fill(&fixup, arguments, table, count)?;
            }
            if let Some(start) = fixup.start {
                self.find_initialize(&fixup, arguments, start)?;
            }
        }
        if self.shim.is_some() && self.slots.is_none() {
            return Err(Unfit::Fixup { reason: "does not fill the shim's table" });
        }
        Ok(())
    }

    /// Takes the functions that a fixup puts into the shim's table.
    fn fill(
        &mut self,
        fixup: &Fixup<'a>,
        arguments: &HashMap<&'a str, u32>,
        table: Import<'a>,
        count: usize,
    ) -> Result<(), Unfit> {
        let refuse = |reason| Err(Unfit::Fixup { reason });
        let Some((instance, shim)) = &self.shim else { return refuse("fills a table without a shim") };
        let (Item::Table(filled) | Item::Any(filled)) =
            self.spaces.argument(arguments, table.module, table.field)?
        else {
            return refuse("fills something else than a table");
        };
        if filled != (Exported { instance: *instance, name: TABLE }) {
            return refuse("fills another table than the shim's");
        }
        if self.slots.is_some() {
            return refuse("fills the shim's table a second time");
        }
        if self.initialize.is_some() {
            return refuse("fills the shim's table after the guest has run");
        }
        if count != shim.len() {
            return refuse("fills the shim's table with too few or too many functions");
        }
        let mut slots = Vec::new();
        for (slot, import) in fixup.functions.iter().take(count).enumerate() {
            if fixup.ty(import).is_none() || fixup.ty(import) != shim.ty(slot) {
                return refuse("fills the shim's table with a function of another type");
            }
            let item = self.spaces.argument(arguments, import.module, import.field)?;
            slots.push(self.function(item, (import.module, import.field))?);
        }
        self.slots = Some(slots);
        Ok(())
    }

    /// The start function of a fixup must be an export of the main module.
    fn find_initialize(
        &mut self,
        fixup: &Fixup<'a>,
        arguments: &HashMap<&'a str, u32>,
        start: usize,
    ) -> Result<(), Unfit> {
        let import = fixup.functions.get(start).ok_or_else(out_of_range)?;
        let item = self.spaces.argument(arguments, import.module, import.field)?;
        match self.function(item, (import.module, import.field))? {
            CoreFunction::Exported(exported) if exported.instance == self.main => {
                if self.initialize.replace(exported.name).is_some() {
                    return Err(Unfit::Fixup { reason: "runs the guest a second time" });
                }
                Ok(())
            }
            CoreFunction::Exported(_) | CoreFunction::Lowered(_) => {
                Err(Unfit::Fixup { reason: "runs something else than a function of the guest" })
            }
        }
    }

    /// Follows an import of the main module to the function of an imported interface.
    fn import(
        &mut self,
        module: &'a str,
        field: &'a str,
        source: CoreFunction<'a>,
    ) -> Result<CoreImport<'a>, Unfit> {
        let lowered = match source {
            CoreFunction::Lowered(position) => position,
            CoreFunction::Exported(exported) => {
                // The shim exports functions under their numbers only.
                let slot: usize = exported.name.parse().map_err(|_| out_of_range())?;
                let slots = self.slots.as_deref().unwrap_or_default();
                match slots.get(slot).ok_or_else(out_of_range)? {
                    CoreFunction::Lowered(position) => *position,
                    CoreFunction::Exported(_) => return Err(self.several_modules()),
                }
            }
        };
        let (function, options) = self.spaces.lowered.get(lowered).ok_or_else(out_of_range)?;
        self.agree(options)?;
        let Function::Imported { interface, name } = *function else {
            return Err(Unfit::CoreImport { name: full_name(module, field) });
        };
        Ok(CoreImport { module, field, interface, function: name })
    }

    fn exports(&mut self) -> Result<Vec<CoreExport<'a>>, Unfit> {
        let mut exports = Vec::new();
        for (name, function) in &self.spaces.exports {
            let Function::Lifted(position) = *function else { return Err(out_of_range()) };
            let (core, options) = self.spaces.lifted.get(position).ok_or_else(out_of_range)?;
            self.agree(options)?;
            let CoreFunction::Exported(core) = core else { return Err(out_of_range()) };
            let post_return = match options.post_return {
                None => None,
                Some(CoreFunction::Exported(exported)) if exported.instance == self.main => {
                    Some(exported.name)
                }
                Some(_) => return Err(Unfit::OtherPostReturn),
            };
            exports.push(CoreExport { name, function: core.name, post_return });
        }
        Ok(exports)
    }

    /// All functions must use the main module's memory and one allocator of it.
    fn agree(&mut self, options: &Options<'a>) -> Result<(), Unfit> {
        if let Some(memory) = options.memory {
            // It has one memory: any name that it exports one under is a name of this one.
            if memory.instance != self.main {
                return Err(Unfit::OtherMemory);
            }
            self.memory.get_or_insert(memory.name);
        }
        match options.realloc {
            None => Ok(()),
            Some(CoreFunction::Exported(realloc))
                if realloc.instance == self.main
                    && *self.realloc.get_or_insert(realloc.name) == realloc.name =>
            {
                Ok(())
            }
            Some(_) => Err(Unfit::OtherRealloc),
        }
    }
}

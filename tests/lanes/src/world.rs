//! What guests may call and what is called in them, as `wit/` says it.

use std::path::Path;

use wit_parser::abi::{AbiVariant, WasmSignature, WasmType};
use wit_parser::{Function, PackageId, Resolve, SizeAlign, Type, TypeDefKind, WorldItem};

/// The world that guests are built for.
const NAME: &str = "middlebox";

/// The world in `wit/`, with what the canonical ABI makes of its functions.
pub struct World {
    pub(crate) resolve: Resolve,
    pub(crate) package: PackageId,
    pub(crate) sizes: SizeAlign,
    pub(crate) imports: Vec<Import>,
    pub(crate) exports: Vec<Export>,
}

/// A function that guests may call.
#[derive(Debug)]
pub(crate) struct Import {
    /// Name of its interface as a core module spells it.
    pub(crate) module: String,
    /// Name of its interface in the world.
    pub(crate) interface: String,
    pub(crate) function: Function,
    pub(crate) signature: WasmSignature,
}

/// A function that the host calls.
#[derive(Debug)]
pub(crate) struct Export {
    pub(crate) function: Function,
    pub(crate) signature: WasmSignature,
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.import_names()).finish()
    }
}

impl World {
    /// Reads the project's.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn read() -> Result<Self, String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit");
        let mut resolve = Resolve::default();
        let (package, _) = resolve.push_dir(folder).map_err(|error| format!("{error:#}"))?;
        let id = resolve.select_world(&[package], Some(NAME)).map_err(|error| format!("{error:#}"))?;
        let world = &resolve.worlds[id];
        let (mut imports, mut exports) = (Vec::new(), Vec::new());
        for item in world.imports.values() {
            let WorldItem::Interface { id, .. } = item else { return Err("an import of its own".to_owned()) };
            let module = resolve.id_of(*id).ok_or("an interface without a name")?;
            let interface = resolve.interfaces[*id].name.clone().ok_or("an interface without a name")?;
            for function in resolve.interfaces[*id].functions.values() {
                let signature = resolve.wasm_signature(AbiVariant::GuestImport, function);
                imports.push(Import {
                    module: module.clone(),
                    interface: interface.clone(),
                    function: function.clone(),
                    signature,
                });
            }
        }
        for item in world.exports.values() {
            let WorldItem::Function(function) = item else { return Err("an exported interface".to_owned()) };
            let signature = resolve.wasm_signature(AbiVariant::GuestExport, function);
            exports.push(Export { function: function.clone(), signature });
        }
        let mut sizes = SizeAlign::default();
        sizes.fill(&resolve);
        Ok(Self { resolve, package, sizes, imports, exports })
    }

    /// Names of all imports, in their order: `packet.getlastpkt`.
    #[must_use]
    pub fn import_names(&self) -> Vec<String> {
        let name = |import: &Import| format!("{}.{}", import.interface, import.function.name);
        self.imports.iter().map(name).collect()
    }

    /// The number of an import.
    pub(crate) fn import(&self, interface: &str, name: &str) -> Result<usize, String> {
        let found = |import: &Import| import.interface == interface && import.function.name == name;
        self.imports.iter().position(found).ok_or_else(|| format!("the world has no {interface}.{name}"))
    }

    /// What a type is made of; `None` for numbers and texts.
    pub(crate) fn kind(&self, ty: &Type) -> Option<&TypeDefKind> {
        let Type::Id(id) = ty else { return None };
        match &self.resolve.types[*id].kind {
            TypeDefKind::Type(inner @ Type::Id(_)) => self.kind(inner),
            kind => Some(kind),
        }
    }

    /// The type behind aliases.
    pub(crate) fn plain(&self, ty: &Type) -> Type {
        match self.kind(ty) {
            Some(TypeDefKind::Type(inner)) => *inner,
            _ => *ty,
        }
    }

    /// Bytes and alignment in a guest's memory.
    pub(crate) fn layout(&self, ty: &Type) -> (usize, usize) {
        (self.sizes.size(ty).size_wasm32(), self.sizes.align(ty).align_wasm32())
    }
}

/// A core type as text.
pub(crate) fn core(ty: WasmType) -> &'static str {
    match ty {
        WasmType::I32 | WasmType::Pointer | WasmType::Length => "i32",
        WasmType::I64 | WasmType::PointerOrI64 => "i64",
        WasmType::F32 => "f32",
        WasmType::F64 => "f64",
    }
}

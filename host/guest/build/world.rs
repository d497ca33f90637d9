//! The world as the code that is made of it sees it.

use std::collections::BTreeSet;
use std::error::Error;
use std::path::Path;

use wit_parser::abi::AbiVariant;
use wit_parser::{
    Function, FunctionKind, Interface, Resolve, SizeAlign, Type, TypeDef, TypeDefKind, TypeId, WorldItem,
};

/// The world that guests are built for.
const NAME: &str = "middlebox";

/// Exports that a guest must have.
const REQUIRED: [&str; 1] = ["start"];

/// A world with all that it names.
pub(crate) struct World {
    pub(crate) resolve: Resolve,
    pub(crate) sizes: SizeAlign,
    /// `sluice:middlebox`.
    pub(crate) package: String,
    pub(crate) version: String,
    /// Interfaces that guests may import, with their names.
    pub(crate) interfaces: Vec<(String, Interface)>,
    pub(crate) exports: Vec<Function>,
}

impl World {
    pub(crate) fn read(folder: &Path) -> Result<Self, Box<dyn Error>> {
        let mut resolve = Resolve::default();
        let (package, _) = resolve.push_dir(folder).map_err(|error| format!("{error:#}"))?;
        let world = resolve.select_world(&[package], Some(NAME)).map_err(|error| format!("{error:#}"))?;
        let world = resolve.worlds[world].clone();
        let mut interfaces = Vec::new();
        for item in world.imports.values() {
            let WorldItem::Interface { id, .. } = item else {
                return Err("the world imports something that is no interface".into());
            };
            let interface = resolve.interfaces[*id].clone();
            interfaces.push((interface.name.clone().ok_or("an interface without a name")?, interface));
        }
        let mut exports = Vec::new();
        for item in world.exports.values() {
            let WorldItem::Function(function) = item else {
                return Err("the world exports something that is no function".into());
            };
            exports.push(function.clone());
        }
        for function in
            interfaces.iter().flat_map(|(_, interface)| interface.functions.values()).chain(&exports)
        {
            check(&resolve, function)?;
        }
        let mut sizes = SizeAlign::default();
        sizes.fill(&resolve);
        let name = resolve.packages[package].name.clone();
        let version = name.version.as_ref().ok_or("the package has no version")?.to_string();
        let package = format!("{}:{}", name.namespace, name.name);
        Ok(Self { resolve, sizes, package, version, interfaces, exports })
    }

    pub(crate) fn type_def(&self, id: TypeId) -> &TypeDef {
        &self.resolve.types[id]
    }

    /// The name of the interface that defines a type.
    pub(crate) fn owner(&self, def: &TypeDef) -> Result<&str, Box<dyn Error>> {
        let wit_parser::TypeOwner::Interface(id) = def.owner else {
            return Err(format!("type {:?} belongs to no interface", def.name).into());
        };
        Ok(self.resolve.interfaces[id].name.as_deref().ok_or("an interface without a name")?)
    }

    /// The type behind aliases.
    pub(crate) fn resolved(&self, ty: Type) -> Type {
        match ty {
            Type::Id(id) => match self.type_def(id).kind {
                TypeDefKind::Type(inner) => self.resolved(inner),
                _ => ty,
            },
            _ => ty,
        }
    }

    /// The two sides of a function's answer: every import answers with a `result`.
    pub(crate) fn answer(&self, function: &Function) -> Result<(Option<Type>, Option<Type>), Box<dyn Error>> {
        if let Some(Type::Id(id)) = function.result.map(|ty| self.resolved(ty))
            && let TypeDefKind::Result(result) = &self.type_def(id).kind
        {
            return Ok((result.ok, result.err));
        }
        Err(format!("{} does not answer with a result", function.name).into())
    }

    /// Named types within a type, itself included.
    pub(crate) fn named_types(&self, ty: Type, found: &mut BTreeSet<TypeId>) {
        let Type::Id(id) = self.resolved(ty) else { return };
        let def = self.type_def(id);
        match &def.kind {
            TypeDefKind::Record(record) => record.fields.iter().for_each(|f| self.named_types(f.ty, found)),
            TypeDefKind::Variant(variant) => {
                variant.cases.iter().filter_map(|case| case.ty).for_each(|ty| self.named_types(ty, found));
            }
            TypeDefKind::Tuple(tuple) => tuple.types.iter().for_each(|ty| self.named_types(*ty, found)),
            TypeDefKind::Option(inner) | TypeDefKind::List(inner) => self.named_types(*inner, found),
            TypeDefKind::Result(result) => {
                result.ok.iter().chain(&result.err).for_each(|ty| self.named_types(*ty, found));
            }
            _ => {}
        }
        if def.name.is_some() {
            found.insert(id);
        }
    }

    /// Whether a value of the type has parts in linear memory.
    pub(crate) fn is_in_memory(&self, ty: Type) -> bool {
        match self.resolved(ty) {
            Type::String => true,
            Type::Id(id) => match &self.type_def(id).kind {
                TypeDefKind::Record(record) => record.fields.iter().any(|field| self.is_in_memory(field.ty)),
                TypeDefKind::Variant(variant) => {
                    variant.cases.iter().filter_map(|case| case.ty).any(|ty| self.is_in_memory(ty))
                }
                TypeDefKind::Tuple(tuple) => tuple.types.iter().any(|ty| self.is_in_memory(*ty)),
                TypeDefKind::Option(inner) => self.is_in_memory(*inner),
                TypeDefKind::Result(result) => {
                    result.ok.iter().chain(&result.err).any(|ty| self.is_in_memory(*ty))
                }
                TypeDefKind::Enum(_) => false,
                _ => true,
            },
            _ => false,
        }
    }
}

/// Whether a guest may lack an export.
pub(crate) fn is_optional(export: &str) -> bool {
    !REQUIRED.contains(&export)
}

/// What both lanes take for granted.
fn check(resolve: &Resolve, function: &Function) -> Result<(), Box<dyn Error>> {
    let name = &function.name;
    if !matches!(function.kind, FunctionKind::Freestanding) {
        return Err(format!("{name} is a method, or asynchronous").into());
    }
    for side in [AbiVariant::GuestImport, AbiVariant::GuestExport] {
        if resolve.wasm_signature(side, function).indirect_params {
            return Err(
                format!("{name} has more flat parameters than fit: they would go through memory").into()
            );
        }
    }
    Ok(())
}

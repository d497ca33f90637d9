//! Types of components in words, for messages about what does not fit.

use wasmtime::component::Type;
use wasmtime::component::types::{ComponentFunc, ComponentItem};

/// Characters after which a type is cut: types nest, and a hostile component's may be as large as its file.
const CHARS_MAX: usize = 240;

/// An import or export as the WIT would write it.
pub(crate) fn describe(item: &ComponentItem) -> String {
    match item {
        ComponentItem::ComponentFunc(function) => describe_function(function),
        ComponentItem::CoreFunc(_) => "a core function".to_owned(),
        ComponentItem::Module(_) => "a core module".to_owned(),
        ComponentItem::Component(_) => "a component".to_owned(),
        ComponentItem::ComponentInstance(_) => "an interface".to_owned(),
        ComponentItem::Type(_) => "a type".to_owned(),
        ComponentItem::Resource(_) => "a resource".to_owned(),
    }
}

fn describe_function(function: &ComponentFunc) -> String {
    let mut text = String::from("func(");
    list(&mut text, function.params().map(|(_, ty)| ty));
    text.push(')');
    for result in function.results() {
        text.push_str(" -> ");
        write_type(&mut text, &result);
    }
    text
}

fn list(text: &mut String, types: impl Iterator<Item = Type>) {
    for (position, ty) in types.enumerate() {
        if position > 0 {
            text.push_str(", ");
        }
        if text.len() > CHARS_MAX {
            text.push_str("...");
            return;
        }
        write_type(text, &ty);
    }
}

fn write_type(text: &mut String, ty: &Type) {
    if text.len() > CHARS_MAX {
        text.push_str("...");
        return;
    }
    match ty {
        Type::List(inner) => generic(text, "list", std::iter::once(inner.ty())),
        Type::Option(inner) => generic(text, "option", std::iter::once(inner.ty())),
        Type::Tuple(tuple) => generic(text, "tuple", tuple.types()),
        Type::Record(record) => {
            text.push_str("record { ");
            list(text, record.fields().map(|field| field.ty));
            text.push_str(" }");
        }
        Type::Result(result) => {
            text.push_str("result");
            match (result.ok(), result.err()) {
                (None, None) => {}
                (Some(ok), None) => generic(text, "", std::iter::once(ok)),
                (None, Some(err)) => {
                    text.push_str("<_, ");
                    write_type(text, &err);
                    text.push('>');
                }
                (Some(ok), Some(err)) => generic(text, "", [ok, err].into_iter()),
            }
        }
        Type::Bool => text.push_str("bool"),
        Type::S8 => text.push_str("s8"),
        Type::U8 => text.push_str("u8"),
        Type::S16 => text.push_str("s16"),
        Type::U16 => text.push_str("u16"),
        Type::S32 => text.push_str("s32"),
        Type::U32 => text.push_str("u32"),
        Type::S64 => text.push_str("s64"),
        Type::U64 => text.push_str("u64"),
        Type::Float32 => text.push_str("f32"),
        Type::Float64 => text.push_str("f64"),
        Type::Char => text.push_str("char"),
        Type::String => text.push_str("string"),
        // Their kind is enough to tell that they do not fit.
        Type::FixedLengthList(_) => text.push_str("list"),
        Type::Map(_) => text.push_str("map"),
        Type::Variant(_) => text.push_str("variant"),
        Type::Enum(_) => text.push_str("enum"),
        Type::Flags(_) => text.push_str("flags"),
        Type::Own(_) => text.push_str("own"),
        Type::Borrow(_) => text.push_str("borrow"),
        Type::Future(_) => text.push_str("future"),
        Type::Stream(_) => text.push_str("stream"),
        Type::ErrorContext => text.push_str("error-context"),
    }
}

fn generic(text: &mut String, name: &str, types: impl Iterator<Item = Type>) {
    text.push_str(name);
    text.push('<');
    list(text, types);
    text.push('>');
}

//! What a tool says of itself beside its schema, as the attribute has it.

use rmcp::model::{Icon, JsonObject, MetaObject};
use serde_json::Value;

/// A text that rustc evaluated, without the space around it.
///
/// # Panics
///
/// With `message`, while the user's crate is compiled, if there is nothing in it.
#[doc(hidden)]
#[must_use]
#[track_caller]
pub const fn text(text: &'static str, message: &str) -> &'static str {
    let text = text.trim_ascii();
    assert!(!text.is_empty(), "{}", message);
    text
}

/// What `meta = ..` may be.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an object",
    label = "the `meta` of a tool is an object",
    note = "write `serde_json::json!({{..}})`, a map, rmcp's `MetaObject`, or the text of an object"
)]
pub trait IntoMeta {
    /// The object, or what is there instead.
    fn into_meta(self) -> Result<JsonObject, String>;
}

#[diagnostic::do_not_recommend]
impl IntoMeta for Value {
    fn into_meta(self) -> Result<JsonObject, String> {
        match self {
            Self::Object(object) => Ok(object),
            other => Err(other.to_string()),
        }
    }
}

#[diagnostic::do_not_recommend]
impl IntoMeta for JsonObject {
    fn into_meta(self) -> Result<JsonObject, String> {
        Ok(self)
    }
}

#[diagnostic::do_not_recommend]
impl IntoMeta for MetaObject {
    fn into_meta(self) -> Result<JsonObject, String> {
        Ok(self.0)
    }
}

#[diagnostic::do_not_recommend]
impl IntoMeta for &str {
    fn into_meta(self) -> Result<JsonObject, String> {
        serde_json::from_str::<Value>(self).map_err(|_| self.to_owned())?.into_meta()
    }
}

/// What `icons = ..` may be.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not icons",
    label = "the `icons` of a tool are `mcpc::Icon`s",
    note = "write the address of one, or an array or a `Vec` of `mcpc::Icon`s"
)]
pub trait IntoIcons {
    /// The icons.
    fn into_icons(self) -> Vec<Icon>;
}

#[diagnostic::do_not_recommend]
impl IntoIcons for &str {
    fn into_icons(self) -> Vec<Icon> {
        vec![Icon::new(self)]
    }
}

#[diagnostic::do_not_recommend]
impl<const N: usize> IntoIcons for [&str; N] {
    fn into_icons(self) -> Vec<Icon> {
        self.map(Icon::new).into()
    }
}

#[diagnostic::do_not_recommend]
impl IntoIcons for Icon {
    fn into_icons(self) -> Vec<Icon> {
        vec![self]
    }
}

#[diagnostic::do_not_recommend]
impl IntoIcons for Vec<Icon> {
    fn into_icons(self) -> Vec<Icon> {
        self
    }
}

#[diagnostic::do_not_recommend]
impl<const N: usize> IntoIcons for [Icon; N] {
    fn into_icons(self) -> Vec<Icon> {
        self.into()
    }
}

/// What is said of a tool.
#[derive(Clone, Debug, Default)]
pub(super) struct Listing {
    pub(super) meta: Option<Said<Result<JsonObject, String>>>,
    pub(super) icons: Option<Said<Vec<Icon>>>,
}

/// Something that is said.
#[derive(Clone, Debug)]
pub(super) enum Said<T> {
    /// By an attribute, and evaluated when the server is built.
    ByAttribute(fn() -> T),
    AtRunTime(T),
}

impl<T: Clone> Said<T> {
    fn get(&self) -> T {
        match self {
            Self::ByAttribute(evaluate) => evaluate(),
            Self::AtRunTime(value) => value.clone(),
        }
    }
}

impl Listing {
    /// Writes it into what is listed.
    ///
    /// # Errors
    ///
    /// What cannot be meant.
    pub(super) fn write(&self, tool: &mut rmcp::model::Tool) -> Result<(), String> {
        if let Some(meta) = &self.meta {
            let meta =
                meta.get().map_err(|found| format!("its `meta` is not an object: {found}"))?;
            tool.meta = Some(MetaObject(meta));
        }
        if let Some(icons) = &self.icons {
            let icons = icons.get();
            if let Some(Icon { src, .. }) = icons.iter().find(|icon| !is_icon_address(&icon.src)) {
                return Err(format!("the icon `{src}` does not start with {ICON_ADDRESS}"));
            }
            tool.icons = (!icons.is_empty()).then_some(icons);
        }
        Ok(())
    }
}

/// How the address of an icon starts.
pub(crate) const ICON_ADDRESS: &str = "`https://`, `http://` or `data:`";

/// Whether clients take an icon from an address.
pub(crate) fn is_icon_address(text: &str) -> bool {
    ["https://", "http://", "data:"].iter().any(|scheme| text.starts_with(scheme))
}

//! Settings that admins made, as lines and back. A logo travels in its line, as a `data:` address.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::lines::SettingLine;
use super::parse::Wrong;
use crate::config::{AT_THE_DESK, Config};
use crate::db::{DbError, Tx};
use crate::domain::logos::Logo;
use crate::domain::settings;
use crate::error::{FieldCode, FieldError};
use crate::store;

/// The setting whose value is a picture.
const LOGO: &str = "brand.logo";

/// A setting that is to be imported.
#[derive(Debug)]
pub(super) struct SettingItem {
    pub(super) name: String,
    /// The text that is kept.
    pub(super) value: String,
    pub(super) logo: Option<Logo>,
}

impl SettingItem {
    /// How large it is, about, in bytes.
    pub(super) fn size(&self) -> usize {
        self.value.len() + self.logo.as_ref().map_or(0, |logo| logo.image.len())
    }
}

/// The lines of all settings that are stored.
pub(super) fn lines(tx: &mut Tx<'_>) -> Result<Vec<SettingLine>, DbError> {
    let mut lines = Vec::new();
    for stored in settings::stored(tx)? {
        let value = match stored.name.as_str() {
            LOGO => store::logos::find(tx, &stored.value)?
                .map(|logo| address(&logo))
                .unwrap_or_default(),
            _ => stored.value,
        };
        lines.push(SettingLine { name: stored.name, value });
    }
    Ok(lines)
}

fn address(logo: &Logo) -> String {
    format!("data:{};base64,{}", logo.kind.as_str(), STANDARD.encode(&logo.image))
}

/// Checks a line as the desk checks what is typed there.
pub(super) fn read(line: &SettingLine) -> Result<SettingItem, Wrong> {
    let SettingLine { name, value } = line;
    if !AT_THE_DESK.contains(&name.as_str()) {
        let message = format!("{name} is no setting that is made at the desk.");
        return Err(vec![FieldError::new("name", FieldCode::UnknownValue, message)]);
    }
    if name == LOGO && !value.is_empty() {
        return picture(name, value).map_err(|error| vec![error]);
    }
    match Config::default().set(name, value) {
        Ok(()) => Ok(SettingItem { name: name.clone(), value: value.clone(), logo: None }),
        Err(message) => {
            Err(vec![FieldError::new("value", FieldCode::Malformed, format!("{name}: {message}."))])
        }
    }
}

fn picture(name: &str, value: &str) -> Result<SettingItem, FieldError> {
    let encoded = value.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,"));
    let image = encoded.and_then(|(_, encoded)| STANDARD.decode(encoded).ok());
    let message = "A logo is written as data:, its kind, ;base64, and the picture.";
    let image = image.ok_or_else(|| FieldError::new("value", FieldCode::Malformed, message))?;
    let logo = Logo::read("value", &image)?;
    Ok(SettingItem { name: name.to_owned(), value: logo.hash.clone(), logo: Some(logo) })
}

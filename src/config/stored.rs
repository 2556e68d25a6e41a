//! Settings that admins can make at the desk, as they stand in the database: each a text. What the
//! operator says (flag, environment, file) counts before them.

use super::values::{self, check_card};
use super::{Card, Config};

/// Every setting that can be made at the desk, in the order of [`super::settings::SETTINGS`]; then the
/// logo, which can be made nowhere else.
pub const AT_THE_DESK: [&str; 17] = [
    "mail.staff_inbox",
    "mail.on_ticket_created",
    "mail.on_note_added",
    "mail.on_status_change",
    "mail.on_ticket_resolved",
    "mail.on_customer_replied",
    "mail.on_ticket_assigned",
    "brand.name",
    "brand.colour",
    "brand.phone",
    "brand.hours",
    "brand.cards",
    "portal.link_ttl",
    "tickets.reopen_on_reply",
    "tickets.auto_close_days",
    "tickets.categories",
    "brand.logo",
];

impl Config {
    /// Where the operator said `name`: a flag, a variable or a place in the file. Nothing if it is left
    /// to the desk.
    pub fn operators_place(&self, name: &str) -> Option<&str> {
        let said = self.effective.iter().find(|it| it.name == name)?;
        // What is set to nothing is not set.
        let is_said = said.from != "default" && !said.value.trim().is_empty();
        is_said.then_some(said.from.as_str())
    }

    /// The text of a setting of [`AT_THE_DESK`] as [`Self::set`] reads it; nothing for any other.
    pub fn text_of(&self, name: &str) -> String {
        let switch = |on: bool| if on { "true" } else { "false" }.to_owned();
        let some = |text: &Option<String>| text.clone().unwrap_or_default();
        match name {
            "brand.name" => self.brand.name.clone(),
            "brand.colour" => some(&self.brand.colour),
            "brand.phone" => some(&self.brand.phone),
            "brand.hours" => some(&self.brand.hours),
            "brand.logo" => some(&self.brand.logo),
            "brand.cards" => json(&self.brand.cards),
            "portal.link_ttl" => in_hours(self.portal.link_ttl.as_secs()),
            "tickets.reopen_on_reply" => switch(self.tickets.reopen_on_reply),
            "tickets.auto_close_days" => self.tickets.auto_close_days.to_string(),
            "tickets.categories" => json(&self.tickets.categories),
            "mail.staff_inbox" => {
                self.mail.staff_inbox.as_ref().map(ToString::to_string).unwrap_or_default()
            }
            "mail.on_ticket_created" => switch(self.mail.on_ticket_created),
            "mail.on_note_added" => switch(self.mail.on_note_added),
            "mail.on_status_change" => switch(self.mail.on_status_change),
            "mail.on_ticket_resolved" => switch(self.mail.on_ticket_resolved),
            "mail.on_customer_replied" => switch(self.mail.on_customer_replied),
            "mail.on_ticket_assigned" => switch(self.mail.on_ticket_assigned),
            _ => String::new(),
        }
    }

    /// Makes the setting `name` what `text` says; an empty one is nothing.
    ///
    /// # Errors
    /// What is wrong with the text, or that there is no such setting. Then nothing has changed.
    pub fn set(&mut self, name: &str, text: &str) -> Result<(), String> {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        match name {
            "brand.name" if text.trim().is_empty() => return Err("write a name".to_owned()),
            "brand.name" => self.brand.name = values::line(text)?,
            "brand.colour" => {
                self.brand.colour = some(text).as_deref().map(values::colour).transpose()?;
            }
            "brand.phone" => self.brand.phone = some(&values::line(text)?),
            "brand.hours" => self.brand.hours = some(&values::line(text)?),
            "brand.logo" => self.brand.logo = some(&values::line(text)?),
            "brand.cards" => self.brand.cards = cards(text)?,
            "portal.link_ttl" => self.portal.link_ttl = values::duration(text)?,
            "tickets.reopen_on_reply" => self.tickets.reopen_on_reply = values::switch(text)?,
            "tickets.auto_close_days" => self.tickets.auto_close_days = values::days(text)?,
            "tickets.categories" => self.tickets.categories = list(text)?,
            "mail.staff_inbox" => {
                self.mail.staff_inbox = some(text).as_deref().map(values::email).transpose()?;
            }
            "mail.on_ticket_created" => self.mail.on_ticket_created = values::switch(text)?,
            "mail.on_note_added" => self.mail.on_note_added = values::switch(text)?,
            "mail.on_status_change" => self.mail.on_status_change = values::switch(text)?,
            "mail.on_ticket_resolved" => self.mail.on_ticket_resolved = values::switch(text)?,
            "mail.on_customer_replied" => self.mail.on_customer_replied = values::switch(text)?,
            "mail.on_ticket_assigned" => self.mail.on_ticket_assigned = values::switch(text)?,
            _ => return Err(format!("{name} is no setting of the desk")),
        }
        Ok(())
    }
}

/// A time in the unit that [`values::duration`] reads and that fits it best.
fn in_hours(seconds: u64) -> String {
    for (unit, length) in [('d', 86_400), ('h', 3_600), ('m', 60)] {
        if seconds >= length && seconds.is_multiple_of(length) {
            return format!("{}{unit}", seconds / length);
        }
    }
    format!("{seconds}s")
}

fn json(value: &impl serde::Serialize) -> String {
    // Lists of texts can always be written.
    serde_json::to_string(value).unwrap_or_default()
}

fn list(text: &str) -> Result<Vec<String>, String> {
    let items: Vec<String> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    items.iter().map(|item| values::line(item)).collect()
}

fn cards(text: &str) -> Result<Vec<Card>, String> {
    let cards: Vec<Card> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    cards.into_iter().map(check_card).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_of_the_desk_is_read_as_it_is_written() {
        let mut config = Config::default();
        let changed = [
            ("brand.name", "Halden"),
            ("brand.colour", "#aa5500"),
            ("brand.phone", "613 555 0142"),
            ("brand.hours", "weekdays 8 to 18"),
            ("brand.logo", "abc"),
            ("brand.cards", r#"[{"title":"Shop","text":"Buy.","url":"https://shop.example"}]"#),
            ("portal.link_ttl", "36h"),
            ("tickets.reopen_on_reply", "false"),
            ("tickets.auto_close_days", "3"),
            ("tickets.categories", r#"["Alarm","Doors, gates"]"#),
            ("mail.staff_inbox", "desk@rfs.example"),
            ("mail.on_ticket_created", "false"),
            ("mail.on_note_added", "false"),
            ("mail.on_status_change", "true"),
            ("mail.on_ticket_resolved", "false"),
            ("mail.on_customer_replied", "false"),
            ("mail.on_ticket_assigned", "false"),
        ];
        assert_eq!(changed.len(), AT_THE_DESK.len());
        for name in AT_THE_DESK {
            let before = config.text_of(name);
            let (_, text) = changed.iter().find(|it| it.0 == name).expect(name);
            assert_ne!(before, *text, "{name}");
            config.set(name, text).expect(name);
            assert_eq!(config.text_of(name), *text, "{name}");
        }
        for name in AT_THE_DESK {
            let default = Config::default().text_of(name);
            config.set(name, &default).expect(name);
            assert_eq!(config.text_of(name), default, "{name}");
        }
    }

    #[test]
    fn what_cannot_be_read_changes_nothing() {
        let mut config = Config::default();
        for (name, bad) in [
            ("brand.name", " "),
            ("brand.colour", "red"),
            ("brand.cards", "[{\"title\":\"x\",\"url\":\"javascript:alert(1)\"}]"),
            ("portal.link_ttl", "soon"),
            ("tickets.categories", "Alarm, CCTV"),
            ("mail.staff_inbox", "nobody"),
            ("mail.on_note_added", "maybe"),
            ("mail.smtp_url", "smtp://x"),
        ] {
            let before = config.text_of(name);
            assert!(config.set(name, bad).is_err(), "{name}");
            assert_eq!(config.text_of(name), before, "{name}");
        }
    }

    #[test]
    fn the_list_holds_what_there_is() {
        let known = crate::config::settings::SETTINGS.iter().map(|it| it.name).collect::<Vec<_>>();
        let mut places = AT_THE_DESK[..16].iter().map(|name| {
            known.iter().position(|it| it == name).unwrap_or_else(|| panic!("{name} is no setting"))
        });
        assert!(places.by_ref().is_sorted(), "in the order of the settings");
    }
}

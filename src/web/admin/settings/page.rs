//! The pages of the settings.

use askama::Template;

use crate::clock::Millis;
use crate::domain::colour::{Colour, DARK_GROUNDS, ENOUGH, LIGHT_GROUNDS, Palette};
use crate::domain::links;
use crate::domain::settings::{InForce, Section, Seen};
use crate::web::admin::desk::AdminDesk;
use crate::web::admin::form::Filled;
use crate::web::admin::frame::Frame;
use crate::web::reply::{self, Reply};
use crate::web::site::time;

/// Sections with a page of their own, as the tabs have them.
pub(super) const PAGES: [Section; 4] =
    [Section::Brand, Section::StartPage, Section::Tickets, Section::Mails];
/// What a card is made of.
pub(super) const CARD: [&str; 3] = ["title", "text", "url"];
/// Cards that can be filled without JavaScript and without saving in between.
const CARDS_SHOWN: usize = 3;
/// How long links work, to choose from.
const TIMES: [&str; 9] = ["1h", "4h", "12h", "1d", "2d", "3d", "7d", "14d", "30d"];

/// Where a section is.
pub(super) fn path(section: Section) -> &'static str {
    match section {
        Section::Brand | Section::Logo => "/admin/settings",
        Section::StartPage => "/admin/settings/start-page",
        Section::Tickets => "/admin/settings/tickets",
        Section::Mails => "/admin/settings/mails",
    }
}

/// The field of a form for a setting: `name` for `brand.name`.
pub(super) fn field(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

/// Whether a setting is on or off.
pub(super) fn is_switch(name: &str) -> bool {
    field(name).starts_with("on_") || name == "tickets.reopen_on_reply"
}

/// The field for a part of a card, counted from 1.
pub(super) fn card_field(card: usize, part: &str) -> String {
    format!("card_{card}_{part}")
}

/// How many cards a form shows: those that are filled and an empty one, three at least.
pub(super) fn cards_shown(form: &Filled) -> usize {
    let is_filled =
        |card: &usize| CARD.iter().any(|part| !form.value(&card_field(*card, part)).is_empty());
    let last = (1..=super::CARDS_MOST).rev().find(is_filled).unwrap_or(0);
    (last + 1).clamp(CARDS_SHOWN, super::CARDS_MOST)
}

/// A form that shows what holds.
pub(super) fn as_it_is(holds: &InForce, section: Section) -> Filled {
    let config = &holds.config;
    let form = section.names().iter().fold(Filled::default(), |form, name| match *name {
        "tickets.categories" => form.and("categories", &config.tickets.categories.join("\n")),
        "brand.cards" => form,
        name => form.and(field(name), &config.text_of(name)),
    });
    if section != Section::StartPage {
        return form;
    }
    config.brand.cards.iter().zip(1..).fold(form, |form, (card, number)| {
        let [title, text, url] = CARD.map(|part| card_field(number, part));
        form.and(&title, &card.title).and(&text, &card.text).and(&url, &card.url)
    })
}

/// What a page begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News {
    /// Nothing.
    None,
    /// It was saved.
    Saved,
    /// It was not: somebody else was quicker.
    ChangedMeanwhile,
}

/// The page of a section with this form in it.
pub(super) fn answer(desk: &AdminDesk, section: Section, form: &Filled, news: News) -> Reply {
    let holds = desk.settings();
    let frame = desk.frame();
    let it = Shared { section, holds, form, news };
    form.answer(match section {
        Section::Brand | Section::Logo => reply::page(&BrandPage { frame, it })?,
        Section::StartPage => reply::page(&StartPage { frame, it })?,
        Section::Tickets => reply::page(&TicketsPage { frame, it })?,
        Section::Mails => reply::page(&MailsPage { frame, it })?,
    })
}

/// What all of them show.
#[derive(Clone, Copy)]
struct Shared<'a> {
    section: Section,
    holds: &'a InForce,
    form: &'a Filled,
    news: News,
}

impl Shared<'_> {
    /// Path, name, and whether it is this page.
    fn tabs(&self) -> [(&'static str, &'static str, bool); 4] {
        PAGES.map(|section| {
            let name = match section {
                Section::Brand | Section::Logo => "Brand",
                Section::StartPage => "Start page",
                Section::Tickets => "Tickets and links",
                Section::Mails => "Mails",
            };
            (path(section), name, path(section) == path(self.section))
        })
    }

    fn path(&self) -> &'static str {
        path(self.section)
    }

    fn seen(&self, section: Section) -> String {
        Seen::of(section, self.holds).as_str().to_owned()
    }

    /// Where the operator has set it; empty if it can be set here.
    fn place(&self, name: &str) -> &str {
        self.holds.config.operators_place(name).unwrap_or_default()
    }

    /// Whether all of this page is the operator's.
    fn nothing_to_save(&self) -> bool {
        self.section.names().iter().all(|name| !self.place(name).is_empty())
    }

    /// What stands in the field of a setting.
    fn value(&self, name: &str) -> String {
        if self.place(name).is_empty() {
            self.form.value(field(name)).to_owned()
        } else if name == "tickets.categories" {
            self.holds.config.tickets.categories.join("\n")
        } else {
            self.holds.config.text_of(name)
        }
    }

    fn field(&self, name: &'static str) -> &'static str {
        field(name)
    }

    fn problem(&self, name: &str) -> &str {
        self.form.problem(field(name))
    }

    /// Who last changed something on this page, and when.
    fn last_change(&self) -> Option<(&str, Millis)> {
        let here = |name: &str| {
            self.section.names().contains(&name)
                || (self.section == Section::Brand && name == "brand.logo")
        };
        let made = self.holds.stored.iter().filter(|it| here(&it.name));
        let last = made.max_by_key(|it| it.changed_at)?;
        Some((&last.changed_by, last.changed_at))
    }
}

/// How a colour is used somewhere, and how well it can be read there.
struct Swatch {
    what: &'static str,
    ground: Colour,
    ink: Colour,
}

impl Swatch {
    fn contrast(&self) -> String {
        format!("{:.1}", floor(self.ground.contrast(self.ink)))
    }
}

/// 4.49 is not 4.5.
fn floor(contrast: f64) -> f64 {
    (contrast * 10.0).floor() / 10.0
}

/// Name, colour, telephone; the logo.
#[derive(Template)]
#[template(path = "admin/settings/brand.html")]
struct BrandPage<'a> {
    frame: Frame<'a>,
    it: Shared<'a>,
}

impl BrandPage<'_> {
    /// The colour that stands in the field, or that of the house.
    fn colour(&self) -> Colour {
        let typed = self.it.value("brand.colour");
        Colour::parse(&typed).unwrap_or(Colour::HOUSE)
    }

    fn swatches(&self) -> [Swatch; 5] {
        let (colour, [dark_card, ..]) = (self.colour(), DARK_GROUNDS);
        let Palette { light, dark } = Palette::of(colour);
        [
            Swatch { what: "Button, light page", ground: light.accent, ink: light.on_accent },
            Swatch { what: "Link, light page", ground: Colour::WHITE, ink: light.accent },
            Swatch { what: "Button, dark page", ground: dark.accent, ink: dark.on_accent },
            Swatch { what: "Link, dark page", ground: dark_card, ink: dark.accent },
            Swatch { what: "Button in a mail", ground: colour, ink: colour.ink() },
        ]
    }

    /// Why the shade of light pages is another, if it is.
    fn is_shaded(&self) -> bool {
        Palette::of(self.colour()).light.accent != self.colour()
    }

    /// The least contrast that text in the colour itself would have on a light page.
    fn least(&self) -> String {
        let contrasts = LIGHT_GROUNDS.map(|ground| self.colour().contrast(ground));
        let least = contrasts.into_iter().fold(f64::INFINITY, f64::min);
        format!("{:.1}", floor(least.min(ENOUGH - 0.1)))
    }
}

/// The cards of the start page.
#[derive(Template)]
#[template(path = "admin/settings/start_page.html")]
struct StartPage<'a> {
    frame: Frame<'a>,
    it: Shared<'a>,
}

impl StartPage<'_> {
    fn cards(&self) -> std::ops::RangeInclusive<usize> {
        1..=cards_shown(self.it.form)
    }

    fn part(&self, card: &usize, part: &str) -> &str {
        self.it.form.value(&card_field(*card, part))
    }

    fn wrong(&self, card: &usize, part: &str) -> &str {
        self.it.form.problem(&card_field(*card, part))
    }
}

/// What tickets do, and how long links work.
#[derive(Template)]
#[template(path = "admin/settings/tickets.html")]
struct TicketsPage<'a> {
    frame: Frame<'a>,
    it: Shared<'a>,
}

impl TicketsPage<'_> {
    /// Values and names of the times to choose from, with the one that holds.
    fn times(&self) -> Vec<(String, String)> {
        let now = self.it.value("portal.link_ttl");
        let own = (!TIMES.contains(&&*now)).then_some(&*now);
        let times = own.into_iter().chain(TIMES);
        times.map(|time| (time.to_owned(), in_words(time))).collect()
    }
}

/// `12h` as `12 hours`; as it is if it is no such time.
fn in_words(time: &str) -> String {
    let mut config = crate::config::Config::default();
    match config.set("portal.link_ttl", time) {
        Ok(()) => links::in_words_of_time(config.portal.link_ttl),
        Err(_) => time.to_owned(),
    }
}

/// Which mails are sent.
#[derive(Template)]
#[template(path = "admin/settings/mails.html")]
struct MailsPage<'a> {
    frame: Frame<'a>,
    it: Shared<'a>,
}

/// A mail that can be left out.
struct Switch {
    name: &'static str,
    label: &'static str,
    about: &'static str,
}

impl MailsPage<'_> {
    fn to_customers(&self) -> [Switch; 4] {
        [
            Switch {
                name: "mail.on_ticket_created",
                label: "We have your request",
                about: "When a ticket is created. Whoever writes it down can leave the mail out.",
            },
            Switch {
                name: "mail.on_note_added",
                label: "A note was added",
                about: "With every public note, in full. Internal notes are never mailed.",
            },
            Switch {
                name: "mail.on_status_change",
                label: "The status changed",
                about: "When it becomes Open, In Progress or Closed.",
            },
            Switch {
                name: "mail.on_ticket_resolved",
                label: "Your ticket is resolved",
                about: "With the resolution, and how to come back to it.",
            },
        ]
    }

    fn to_staff(&self) -> [Switch; 2] {
        [
            Switch {
                name: "mail.on_customer_replied",
                label: "A customer replied",
                about: "To whoever the ticket is assigned to, or else to the inbox below.",
            },
            Switch {
                name: "mail.on_ticket_assigned",
                label: "You were given a ticket",
                about: "To the technician, unless they took it themselves.",
            },
        ]
    }
}

//! The demo's texts as they are written in the files beside this one: who there is, and scripts of
//! what happens to them.

use serde::Deserialize;

/// The company: who works there, and for whom.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Company {
    /// An admin and the technicians.
    pub staff: Vec<Colleague>,
    /// The customers.
    #[serde(rename = "customer")]
    pub customers: Vec<Client>,
}

/// A member of staff.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Colleague {
    /// What scripts call them.
    pub key: String,
    /// Their name.
    pub name: String,
    /// Their address.
    pub email: String,
    /// Whether they are an admin.
    #[serde(default)]
    pub admin: bool,
}

/// A customer, and how they write.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// Their name.
    pub name: String,
    /// How staff address them; their first name if this is missing.
    called: Option<String>,
    /// Their address.
    pub email: String,
    /// Whom they work for, or empty.
    pub company: String,
    /// Where they can be called.
    pub phone: String,
    /// What staff know about them.
    pub notes: String,
    /// Which scripts suit them.
    pub tags: Vec<String>,
    /// How often something happens to them, in relation to others.
    #[serde(default)]
    pub weight: usize,
    /// Exactly how many tickets they have, if that matters.
    pub tickets: Option<usize>,
    /// Buildings; each of their subjects begins with one.
    #[serde(default)]
    pub sites: Vec<String>,
    /// How they begin a message.
    pub greets: String,
    /// How they end it.
    pub signs: String,
}

impl Client {
    /// How staff address them.
    pub fn called(&self) -> &str {
        let first_name = || self.name.split(' ').next().unwrap_or(&self.name);
        self.called.as_deref().unwrap_or_else(first_name)
    }

    /// A message of theirs in their own manner.
    pub fn writes(&self, text: &str) -> String {
        let parts = [self.greets.as_str(), text, self.signs.as_str()];
        let said: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        said.join("\n\n")
    }
}

/// One thing that happens, in as many variants as it has subjects.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// Whom it suits: customers with one of these tags.
    #[serde(default)]
    pub at: Vec<String>,
    /// The one customer to whom it happens, instead.
    pub customer: Option<String>,
    /// Who works on it; anybody if it is missing.
    pub tech: Option<String>,
    /// How many days before now it begins; otherwise in one of `months`, or any time in the year.
    pub ago: Option<i64>,
    /// How many days ago it was resolved.
    pub done: Option<i64>,
    /// Over how many days its turns are spread.
    pub pace: Option<i64>,
    /// Whether nobody has taken it yet.
    #[serde(default)]
    pub unassigned: bool,
    /// Whether the text is used without the customer's greeting.
    #[serde(default)]
    pub as_is: bool,
    /// The months in which it happens.
    #[serde(default)]
    pub months: Vec<i8>,
    /// The first and the last day of those months on which it happens.
    #[serde(default = "any_day")]
    pub days: [i64; 2],
    /// A category of the default list.
    pub category: String,
    /// A priority's word.
    pub priority: String,
    /// One subject for each variant.
    pub subjects: Vec<String>,
    /// What the customer says at first.
    pub description: String,
    /// What is said after that.
    pub turns: Vec<Turn>,
    /// How it ends; without, it is still going on.
    pub resolution: Option<String>,
}

/// Days that every month has.
fn any_day() -> [i64; 2] {
    [1, 28]
}

/// One thing said.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Turn {
    /// By the technician to the customer.
    Tech(String),
    /// By the customer.
    Customer(String),
    /// By staff among themselves.
    Internal(String),
    /// The technician resolves it, though it will be reopened.
    Resolved(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scripts {
    script: Vec<Script>,
}

/// The company and all scripts. Fails only if a file beside this one is not well-formed.
pub fn load() -> Result<(Company, Vec<Script>), toml::de::Error> {
    let files = [
        include_str!("special.toml"),
        include_str!("museum.toml"),
        include_str!("alarm.toml"),
        include_str!("cctv.toml"),
        include_str!("doors.toml"),
        include_str!("general.toml"),
        include_str!("languages.toml"),
    ];
    let mut scripts = Vec::new();
    for file in files {
        scripts.append(&mut toml::from_str::<Scripts>(file)?.script);
    }
    Ok((toml::from_str(include_str!("company.toml"))?, scripts))
}

/// `text` with each `[a|b|c]` replaced by the choice for `variant`. Brackets without `|` stay.
pub fn choose(text: &str, variant: usize) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('[') {
        let Some((inside, behind)) = after.split_once(']') else { break };
        out.push_str(before);
        let choices: Vec<&str> = inside.split('|').collect();
        match choices.as_slice() {
            [only] => out.extend(["[", only, "]"]),
            several => out.push_str(several[variant % several.len()]),
        }
        rest = behind;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variant_makes_the_same_choice_everywhere() {
        let text = "The [back|front] door, [zone 4|zone 7]: [sic] done.";
        assert_eq!(choose(text, 0), "The back door, zone 4: [sic] done.");
        assert_eq!(choose(text, 1), "The front door, zone 7: [sic] done.");
        assert_eq!(choose(text, 2), choose(text, 0));
        assert_eq!(choose("open [ended", 0), "open [ended");
    }

    #[test]
    fn choices_are_as_many_as_variants() {
        let (_, scripts) = load().expect("well-formed files");
        for script in &scripts {
            let variants = script.subjects.len();
            for text in texts(script) {
                for inside in text.split('[').skip(1).filter_map(|it| it.split_once(']')) {
                    let choices = inside.0.split('|').count();
                    assert!(
                        choices == 1 || choices == variants,
                        "{variants} subjects: {}",
                        inside.0
                    );
                }
            }
        }
    }

    fn texts(script: &Script) -> Vec<&str> {
        let turns = script.turns.iter().map(|turn| match turn {
            Turn::Tech(text)
            | Turn::Customer(text)
            | Turn::Internal(text)
            | Turn::Resolved(text) => text.as_str(),
        });
        let ends = [Some(script.description.as_str()), script.resolution.as_deref()];
        turns.chain(ends.into_iter().flatten()).collect()
    }

    #[test]
    fn customers_are_addressed_and_write_in_their_manner() {
        let (company, _) = load().expect("well-formed files");
        let ana = company.customers.iter().find(|it| it.email.starts_with("ana@")).expect("Ana");
        assert_eq!(ana.called(), "Ana");
        assert_eq!(ana.writes("It beeps."), "Hi,\n\nIt beeps.\n\nThanks, Ana");
    }
}

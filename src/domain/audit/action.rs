//! What can be done that the audit log tells: a stable word for each, and words for people.

/// Makes [`Action`]: a variant, its stable word, and the sentence around what it was done to.
macro_rules! actions {
    ($($name:ident $word:literal $before:literal $after:literal)*) => {
        /// What somebody did. The word is kept in the database and stays what it is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Action {
            $(#[doc = concat!("`", $word, "`: ", $before, " … ", $after)] $name,)*
        }

        impl Action {
            /// Every action, those about one kind of thing together.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The word for it in the database and in tables.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word),* }
            }

            /// For a sentence: what stands before and after the name of what it was done to.
            pub fn around(self) -> (&'static str, &'static str) {
                match self { $(Self::$name => ($before, $after)),* }
            }
        }
    };
}

actions! {
    StaffAdded "staff.added" "added" "to the staff"
    StaffEdited "staff.edited" "edited" ""
    StaffDisabled "staff.disabled" "disabled" ""
    StaffEnabled "staff.enabled" "enabled" "again"
    StaffLinkMade "staff.link_made" "made a sign-in link for" ""
    StaffLinkSent "staff.link_sent" "mailed a sign-in link to" ""
    SignedIn "session.begun" "signed in as" ""
    SignedOut "session.ended" "signed out as" ""
    SessionRevoked "session.revoked" "ended a session of" ""
    SessionsRevoked "session.revoked_all" "ended every session of" ""
    PasskeyAdded "passkey.added" "added a passkey of" ""
    PasskeyRemoved "passkey.removed" "removed a passkey of" ""
    PasskeysRemoved "passkey.removed_all" "removed every passkey of" ""
    ApiKeyMade "api_key.made" "made the API key" ""
    ApiKeyRevoked "api_key.revoked" "revoked the API key" ""
    WebhookAdded "webhook.added" "added the webhook" ""
    WebhookEdited "webhook.edited" "edited the webhook" ""
    WebhookRemoved "webhook.removed" "removed the webhook" ""
    WebhookRotated "webhook.secret_rotated" "made a new secret for the webhook" ""
    WebhookTested "webhook.tested" "tested the webhook" ""
    WebhookRedelivered "webhook.redelivered" "sent a call again to the webhook" ""
    CustomerAdded "customer.added" "added the customer" ""
    CustomerEdited "customer.edited" "edited the customer" ""
    CustomerDisabled "customer.disabled" "disabled the customer" ""
    CustomerEnabled "customer.enabled" "enabled the customer" "again"
    CustomerErased "customer.erased" "erased the customer" ""
    CustomerExported "customer.exported" "exported everything about the customer" ""
    CustomersImported "customer.imported" "imported customers into" ""
    TicketChanged "ticket.changed" "changed the ticket" ""
    LinkMade "link.made" "made a portal link for" ""
    LinkSent "link.sent" "mailed a portal link to" ""
    LinkRevoked "link.revoked" "revoked a portal link of" ""
    LinksRevoked "link.revoked_all" "revoked every portal link of" ""
    AnswerAdded "answer.added" "added the saved answer" ""
    AnswerEdited "answer.edited" "edited the saved answer" ""
    AnswerRemoved "answer.removed" "removed the saved answer" ""
    MailRetried "mail.retried" "queued again the mail to" ""
    MailGivenUp "mail.given_up" "gave up the mail to" ""
    MailsRetried "mail.retried_all" "queued again every failed mail of" ""
    MailsGivenUp "mail.given_up_all" "gave up every held mail of" ""
    SettingsChanged "settings.changed" "changed the settings of" ""
    TicketsExported "data.tickets_exported" "exported a list of tickets from" ""
    AuditExported "data.audit_exported" "exported the audit log of" ""
    BackupMade "data.backed_up" "made a backup of" ""
    BackupRestored "data.restored" "restored a backup into" ""
    DataImported "data.imported" "imported data into" ""
}

impl Action {
    /// Reads the word for it.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|action| action.as_str() == word)
    }

    /// For a list to choose from: `Added … to the staff`.
    pub fn label(self) -> String {
        let (before, after) = self.around();
        let mut letters = before.chars();
        let first = letters.next().map(|letter| letter.to_ascii_uppercase());
        let words: String = first.into_iter().chain(letters).collect();
        format!("{words} … {after}").trim_end().to_owned()
    }

    /// What kind of thing it is about, for a list to choose from.
    pub fn area(self) -> &'static str {
        match self.as_str().split('.').next().unwrap_or_default() {
            "staff" => "Staff",
            "session" => "Signing in",
            "passkey" => "Passkeys",
            "api_key" => "API keys",
            "webhook" => "Webhooks",
            "customer" => "Customers",
            "ticket" => "Tickets",
            "link" => "Portal links",
            "answer" => "Saved answers",
            "mail" => "Mails",
            "settings" => "Settings",
            _ => "Data",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_word_is_its_own_and_read_again() {
        let words: BTreeSet<&str> = Action::ALL.iter().map(|action| action.as_str()).collect();
        assert_eq!(words.len(), Action::ALL.len());
        for &action in Action::ALL {
            assert_eq!(Action::parse(action.as_str()), Some(action));
            assert!(action.as_str().len() <= 50, "{action:?}");
        }
        assert_eq!(Action::parse("staff.painted"), None);
    }

    #[test]
    fn actions_are_told_in_words() {
        assert_eq!(Action::StaffAdded.label(), "Added … to the staff");
        assert_eq!(Action::ApiKeyRevoked.label(), "Revoked the API key …");
    }

    #[test]
    fn those_about_one_kind_of_thing_stand_together() {
        let mut areas: Vec<&str> = Action::ALL.iter().map(|action| action.area()).collect();
        areas.dedup();
        let all: BTreeSet<&str> = areas.iter().copied().collect();
        assert_eq!(all.len(), areas.len(), "{areas:?}");
    }
}

//! From what is to be said to words: subject, plain text and HTML, through `templates/mail/`.

use askama::Template;

use crate::domain::Rules;
use crate::mail::{Brand, Mail, Minted, Rendered, colours, words};

/// How long a code can be typed in, in words. See [`crate::domain::codes`].
const CODE_VALID_FOR: &str = "15 minutes";

/// What the templates may say. Everything a person wrote has been through [`words`].
#[derive(Default)]
struct Sheet {
    brand: String,
    phone: String,
    hours: String,
    colour: String,
    ink: String,
    link: String,
    code: String,
    valid_for: String,
    code_valid_for: &'static str,
    hello: String,
    reference: String,
    /// The ticket's subject, as it may stand in the header, in the text and in the HTML part.
    subject: String,
    subject_in_text: String,
    subject_in_html: String,
    /// Whether a reply to a resolved ticket opens it again.
    reopens: bool,
    /// The author, the customer or the one who assigned it; empty if nobody is to be named.
    who: String,
    email: String,
    quote: Vec<String>,
    note: Vec<String>,
    from: String,
    to: String,
}

impl Sheet {
    fn new(brand: &Brand, rules: &Rules, minted: &Minted) -> Self {
        let colour = colours::checked(&brand.colour);
        Self {
            brand: words::brand(&brand.name),
            reopens: rules.reopen_on_reply,
            phone: brand.support_phone.clone().unwrap_or_default(),
            hours: brand.support_hours.clone().unwrap_or_default(),
            colour: colour.to_string(),
            ink: colour.ink().to_string(),
            link: minted.link.clone().unwrap_or_default(),
            code: minted.code.clone().unwrap_or_default(),
            valid_for: minted.valid_for.clone(),
            code_valid_for: CODE_VALID_FOR,
            ..Self::default()
        }
    }

    fn hello(mut self, name: &str) -> Self {
        self.hello = words::greeting(name);
        self
    }

    fn ticket(mut self, reference: &str, subject: &str) -> Self {
        self.reference = words::name(reference);
        self.subject = words::subject(subject);
        self.subject_in_text = words::subject_in_text(subject);
        self.subject_in_html = words::subject_in_html(subject);
        self
    }

    fn who(mut self, name: &str) -> Self {
        self.who = words::name(name);
        self
    }

    fn quote(mut self, text: &str) -> Self {
        self.quote = words::quote(text);
        self
    }
}

/// Renders the three templates of one folder.
macro_rules! render_folder {
    ($sheet:expr, $subject:literal, $text:literal, $html:literal) => {{
        #[derive(Template)]
        #[template(path = $subject, escape = "none")]
        struct Subject<'a> {
            m: &'a Sheet,
        }
        #[derive(Template)]
        #[template(path = $text, escape = "none")]
        struct Text<'a> {
            m: &'a Sheet,
        }
        #[derive(Template)]
        #[template(path = $html)]
        struct Html<'a> {
            m: &'a Sheet,
        }
        let m = &$sheet;
        (Subject { m }.render(), Text { m }.render(), Html { m }.render())
    }};
}

/// Puts `mail` into words. `rules` are those that hold now, because a mail may promise nothing else.
///
/// # Errors
///
/// None but a bug in a template, which the snapshots would show.
pub fn render(
    mail: &Mail,
    brand: &Brand,
    rules: &Rules,
    minted: &Minted,
) -> Result<Rendered, askama::Error> {
    let sheet = Sheet::new(brand, rules, minted);
    let (subject, text, html) = match mail {
        Mail::PortalLink { customer_name, ticket } => {
            let sheet =
                sheet.hello(customer_name).ticket(ticket.as_deref().unwrap_or_default(), "");
            render_folder!(
                sheet,
                "mail/portal_link/subject.txt",
                "mail/portal_link/body.txt",
                "mail/portal_link/body.html"
            )
        }
        Mail::TicketCreated { customer_name, reference, subject } => {
            let sheet = sheet.hello(customer_name).ticket(reference, subject);
            render_folder!(
                sheet,
                "mail/ticket_created/subject.txt",
                "mail/ticket_created/body.txt",
                "mail/ticket_created/body.html"
            )
        }
        Mail::NoteAdded { customer_name, reference, subject, author, note } => {
            let sheet = sheet.hello(customer_name).ticket(reference, subject).quote(note);
            let sheet = sheet.who(author.as_deref().unwrap_or_default());
            render_folder!(
                sheet,
                "mail/note_added/subject.txt",
                "mail/note_added/body.txt",
                "mail/note_added/body.html"
            )
        }
        Mail::StatusChanged { customer_name, reference, subject, from, to } => {
            let (from, to) = (words::name(from), words::name(to));
            let sheet = Sheet { from, to, ..sheet.hello(customer_name).ticket(reference, subject) };
            render_folder!(
                sheet,
                "mail/status_changed/subject.txt",
                "mail/status_changed/body.txt",
                "mail/status_changed/body.html"
            )
        }
        Mail::TicketResolved { customer_name, reference, subject, resolution, note } => {
            let sheet = sheet.hello(customer_name).ticket(reference, subject).quote(resolution);
            let note = words::quote(note.as_deref().unwrap_or_default());
            let sheet = Sheet { note, ..sheet };
            render_folder!(
                sheet,
                "mail/ticket_resolved/subject.txt",
                "mail/ticket_resolved/body.txt",
                "mail/ticket_resolved/body.html"
            )
        }
        Mail::CustomerReplied { reference, subject, customer_name, customer_email, reply } => {
            let sheet = sheet.ticket(reference, subject).who(customer_name).quote(reply);
            let sheet = Sheet { email: words::address(customer_email), ..sheet };
            render_folder!(
                sheet,
                "mail/customer_replied/subject.txt",
                "mail/customer_replied/body.txt",
                "mail/customer_replied/body.html"
            )
        }
        Mail::TicketAssigned { reference, subject, technician_name, assigned_by } => {
            let sheet = sheet.hello(technician_name).ticket(reference, subject);
            let sheet = sheet.who(assigned_by.as_deref().unwrap_or_default());
            render_folder!(
                sheet,
                "mail/ticket_assigned/subject.txt",
                "mail/ticket_assigned/body.txt",
                "mail/ticket_assigned/body.html"
            )
        }
        Mail::StaffLink { name, sent_by } => {
            let sheet = sheet.hello(name).who(sent_by.as_deref().unwrap_or_default());
            render_folder!(
                sheet,
                "mail/staff_link/subject.txt",
                "mail/staff_link/body.txt",
                "mail/staff_link/body.html"
            )
        }
        Mail::StaffSignIn { name } => {
            let sheet = sheet.hello(name);
            render_folder!(
                sheet,
                "mail/staff_sign_in/subject.txt",
                "mail/staff_sign_in/body.txt",
                "mail/staff_sign_in/body.html"
            )
        }
    };
    Ok(Rendered { subject: subject?.trim().to_owned(), text: tidy(&text?), html: html? })
}

/// One empty line between paragraphs, whatever the templates' conditions left behind.
/// Empty lines of quoted texts begin with `>` and stay.
fn tidy(text: &str) -> String {
    let mut tidy = String::with_capacity(text.len());
    let mut empty = 1;
    for line in text.lines().map(str::trim_end) {
        empty = if line.is_empty() { empty + 1 } else { 0 };
        if empty < 2 {
            tidy.push_str(line);
            tidy.push('\n');
        }
    }
    tidy.truncate(tidy.trim_end().len());
    tidy.push('\n');
    tidy
}

//! Mails: what each says, and how it is handed over.

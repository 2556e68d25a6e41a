//! What the network and TLS mean, in plain words: the libraries' own say it for those who wrote them.
//! Both are told, the technical words last and in brackets.

/// Why something was not reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// The name leads nowhere.
    UnknownHost,
    /// Nothing listens there.
    Refused,
    /// There is no answer.
    Silent,
    /// There is no way there.
    Unreachable,
    /// The certificate is from an authority that is not known here.
    UnknownAuthority,
    /// The certificate is over.
    Expired,
    /// The certificate is not valid yet.
    NotYet,
    /// The certificate is for another name.
    OtherName,
    /// The certificate cannot be used for another reason.
    Certificate,
    /// What answers does not speak TLS there.
    NoTls,
    /// It ended the conversation.
    HungUp,
}

/// What the technical words hold, in lower case, and what that means. The first that fits counts.
const KNOWN: [(&str, Cause); 27] = [
    ("unknownissuer", Cause::UnknownAuthority),
    ("causedasendentity", Cause::UnknownAuthority),
    ("certificate expired", Cause::Expired),
    ("not valid yet", Cause::NotYet),
    ("not valid for name", Cause::OtherName),
    ("notvalidforname", Cause::OtherName),
    ("invalid peer certificate", Cause::Certificate),
    ("corrupt message", Cause::NoTls),
    ("tls failed: tls handshake eof", Cause::NoTls),
    ("lookup address", Cause::UnknownHost),
    ("name or service not known", Cause::UnknownHost),
    ("name resolution", Cause::UnknownHost),
    ("no address", Cause::UnknownHost),
    ("connection refused", Cause::Refused),
    ("no answer within", Cause::Silent),
    ("no answer in time", Cause::Silent),
    ("timed out", Cause::Silent),
    ("timeout", Cause::Silent),
    ("unreachable", Cause::Unreachable),
    ("no route to host", Cause::Unreachable),
    ("reset by peer", Cause::HungUp),
    ("broken pipe", Cause::HungUp),
    ("handshake eof", Cause::HungUp),
    ("unexpected eof", Cause::HungUp),
    ("unexpected end of file", Cause::HungUp),
    ("closed", Cause::HungUp),
    ("incomplete", Cause::HungUp),
];

impl Cause {
    /// The cause that technical words tell, if it is one of these.
    pub(super) fn of(technical: &str) -> Option<Self> {
        let text = technical.to_ascii_lowercase();
        KNOWN.iter().find(|(words, _)| text.contains(words)).map(|(_, cause)| *cause)
    }

    /// In words, about `it`: `the mail server`.
    pub(super) fn words(self, it: &str) -> String {
        match self {
            Self::UnknownHost => format!("the name of {it} is not found in the DNS"),
            Self::Refused => format!("nothing listens at the address and port of {it}"),
            Self::Silent => format!("{it} does not answer in time"),
            Self::Unreachable => format!("there is no way to {it} from this machine"),
            Self::UnknownAuthority => {
                format!(
                    "the certificate of {it} is from an authority that this machine does not know"
                )
            }
            Self::Expired => format!("the certificate of {it} has expired"),
            Self::NotYet => format!("the certificate of {it} is not valid yet"),
            Self::OtherName => format!("the certificate of {it} is for another name"),
            Self::Certificate => format!("the certificate of {it} cannot be used"),
            Self::NoTls => format!("{it} answers, but not encrypted, at this port"),
            Self::HungUp => format!("{it} ends the connection"),
        }
    }
}

/// Plain words with the technical ones behind them; those alone where there are no others.
pub(super) fn explain(it: &str, technical: &str) -> String {
    match Cause::of(technical) {
        Some(cause) => with(&cause.words(it), technical),
        None => technical.to_owned(),
    }
}

/// Plain words with the technical ones behind them.
pub(super) fn with(plain: &str, technical: &str) -> String {
    format!("{plain} ({technical})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn technical_words_have_a_plain_meaning() {
        for (technical, cause) in [
            ("TLS failed: invalid peer certificate: UnknownIssuer", Cause::UnknownAuthority),
            (
                "invalid peer certificate: Other(OtherError(CaUsedAsEndEntity))",
                Cause::UnknownAuthority,
            ),
            (
                "invalid peer certificate: certificate expired: verification time 5 (UNIX), but …",
                Cause::Expired,
            ),
            (
                "invalid peer certificate: certificate not valid for name \"a\"; certificate is …",
                Cause::OtherName,
            ),
            ("invalid peer certificate: BadSignature", Cause::Certificate),
            ("received corrupt message of type InvalidContentType", Cause::NoTls),
            ("failed to lookup address information: Name or service not known", Cause::UnknownHost),
            ("Connection refused (os error 111)", Cause::Refused),
            ("greeting the mail server: no answer in time", Cause::Silent),
            ("Network is unreachable (os error 101)", Cause::Unreachable),
            ("Connection reset by peer (os error 104)", Cause::HungUp),
        ] {
            assert_eq!(Cause::of(technical), Some(cause), "{technical}");
            let said = explain("the mail server", technical);
            assert!(said.ends_with(&format!("({technical})")), "{said}");
            assert!(said.contains("the mail server"), "{said}");
        }
        assert_eq!(explain("it", "550 no"), "550 no");
    }
}

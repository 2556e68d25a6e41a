//! Where to go after signing in: a path below `/admin`, and never anywhere else (ASVS 3.7.2).

/// Longest path that is kept.
const LONGEST: usize = 500;
/// Where to go without a wish, or with one that is not granted.
pub const HOME: &str = "/admin";

/// `wanted`, if it is a page of the desk that can be gone to; else [`HOME`].
pub fn local(wanted: &str) -> &str {
    if is_local(wanted) { wanted } else { HOME }
}

fn is_local(wanted: &str) -> bool {
    let rest = wanted.strip_prefix(HOME);
    let below = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']));
    let path = wanted.split('?').next().unwrap_or_default();
    // A browser resolves `..`, however it is written, and takes `\` for `/`.
    let steps = |step: &str| {
        let plain = step.to_ascii_lowercase().replace("%2e", ".");
        plain != "." && plain != ".."
    };
    below
        && wanted.len() <= LONGEST
        && wanted.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
        && !path.contains("//")
        && path.split('/').all(steps)
        && !path.starts_with("/admin/sign-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_the_desk_are_gone_to() {
        for good in [
            "/admin",
            "/admin/",
            "/admin?x=1",
            "/admin/tickets?status=open&q=a%20b//c",
            "/admin/tickets/TKT-7K3M9Q",
        ] {
            assert_eq!(local(good), good);
        }
        let long = format!("/admin/{}", "a".repeat(LONGEST));
        for bad in [
            "",
            "/",
            "/portal",
            "/administrator",
            "admin",
            "//evil.example",
            "//evil.example/admin",
            "/\\evil.example",
            "/admin/\\evil.example",
            "/admin//evil.example",
            "https://evil.example/admin",
            "https:evil.example",
            "javascript:alert(1)",
            "/admin/..",
            "/admin/../portal",
            "/admin/%2e%2E/portal",
            "/admin/.%2e//evil.example",
            "/admin/x\r\nSet-Cookie: a=b",
            "/admin/x y",
            "/admin/\u{e9}",
            "/admin@evil.example",
            "/admin.evil.example",
            "/admin/sign-in",
            "/admin/sign-out",
            "/admin#x",
            &long,
        ] {
            assert_eq!(local(bad), HOME, "{bad}");
        }
    }
}

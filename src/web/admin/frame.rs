//! What stands around every page of the desk: where one can go, and who is signed in.

use crate::domain::sessions::SignedIn;
use crate::web::site::{Site, initials};

/// A place in the navigation.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// Where it leads.
    pub href: &'static str,
    /// What it is called.
    pub label: &'static str,
    /// The drawing beside it: the `d` of a path in a box of 16 by 16.
    pub icon: &'static str,
    /// Whether only admins see it.
    pub for_admins: bool,
}

/// Everything that is there, in the order in which it is shown. What is not built yet is not named.
pub const PLACES: &[Place] = &[
    Place {
        href: "/admin",
        label: "Dashboard",
        icon: "M2.5 8.5h4v5h-4zM9.5 2.5h4v11h-4zM2.5 2.5h4v3h-4z",
        for_admins: false,
    },
    Place {
        href: "/admin/tickets",
        label: "Tickets",
        icon: "M2 4.5h12v2.2a1.4 1.4 0 0 0 0 2.6v2.2H2V9.3a1.4 1.4 0 0 0 0-2.6zM9.5 4.5v7",
        for_admins: false,
    },
    Place {
        href: "/admin/customers",
        label: "Customers",
        icon: "M8.6 5.4a2.4 2.4 0 1 1-4.8 0 2.4 2.4 0 0 1 4.8 0zM1.6 13a4.6 4.6 0 0 1 9.2 0M10.6 3.2a2.3 2.3 0 0 1 0 4.4M12.6 9.4a4.3 4.3 0 0 1 1.9 3.6",
        for_admins: false,
    },
    Place {
        href: "/admin/answers",
        label: "Saved Answers",
        icon: "M2.5 3h11v8h-6l-3 2.5V11h-2zM5 6h6M5 8.3h4",
        for_admins: false,
    },
    Place {
        href: "/admin/staff",
        label: "Staff",
        icon: "M2 3.5h12v9H2zM5.8 8a1.4 1.4 0 1 0 0-2.8 1.4 1.4 0 0 0 0 2.8zM3.8 10.8c0-1.2.9-1.8 2-1.8s2 .6 2 1.8M9.8 6.5h2.2M9.8 9h2.2",
        for_admins: true,
    },
    Place {
        href: "/admin/outbox",
        label: "Mails",
        icon: "M2 4h12v8.5H2zM2 4.5l6 4.5 6-4.5",
        for_admins: true,
    },
    Place {
        href: "/admin/api-keys",
        label: "API Keys",
        icon: "M10.5 8.5a3 3 0 1 0-2.8-2L2.5 11.7v2h2.2v-1.6h1.6v-1.6h1.3l1.1-1.1a3 3 0 0 0 1.8-.9zM11 5h.01",
        for_admins: true,
    },
    Place {
        href: "/admin/webhooks",
        label: "Webhooks",
        icon: "M8.6 5 6.4 9.2M8.2 5.1a2 2 0 1 0-1.5-.8M6.6 10.3a2.4 2.4 0 1 1-2.9-3M6.9 11.5h4M10.9 12.6a2.2 2.2 0 1 0 .6-3M9.4 4.8l2 3.6",
        for_admins: true,
    },
    Place {
        href: "/admin/audit",
        label: "Audit Log",
        icon: "M3.5 2.5h9v11h-9zM6 6h4M6 8.5h4M6 11h2.5",
        for_admins: true,
    },
    Place {
        href: "/admin/settings",
        label: "Settings",
        icon: "M2 4.5h6.5M12.5 4.5H14M2 11.5h1.5M7.5 11.5H14M10.5 2.5a2 2 0 1 1 0 4a2 2 0 1 1 0-4M5.5 9.5a2 2 0 1 1 0 4a2 2 0 1 1 0-4",
        for_admins: true,
    },
    Place {
        href: "/admin/help",
        label: "Help",
        icon: "M8 14.2A6.2 6.2 0 1 0 8 1.8a6.2 6.2 0 0 0 0 12.4zM6.2 6.3a1.8 1.8 0 1 1 2.6 1.6c-.5.3-.8.6-.8 1.2M8 11.4v.1",
        for_admins: false,
    },
];

/// The last event before a page was read: what happens after it, the page is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told(pub i64);

/// The frame of one page.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// Brand and assets.
    pub site: &'a Site,
    /// Who is signed in.
    pub me: &'a SignedIn,
    /// What it shows already.
    pub told: Told,
    /// The page's path.
    pub path: &'a str,
}

impl Frame<'_> {
    /// Where this reader can go.
    pub fn places(&self) -> impl Iterator<Item = &'static Place> {
        let admin = self.me.is_admin();
        PLACES.iter().filter(move |place| admin || !place.for_admins)
    }

    /// Whether the page is this place, or stands below it.
    pub fn is_at(&self, href: &str) -> bool {
        let below = self.path.strip_prefix(href);
        below.is_some_and(|rest| rest.is_empty() || (href != "/admin" && rest.starts_with('/')))
    }

    /// For the circle beside the reader's name.
    pub fn initials(&self) -> String {
        initials(&self.me.staff.name)
    }
}

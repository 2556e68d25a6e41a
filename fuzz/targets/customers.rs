//! A table of customers: every line is taken or named, and what was taken is taken again from a table
//! that is written from it.
#![no_main]

use std::collections::HashSet;

use doorkey::domain::customer_import::check;
use doorkey::domain::customers::NewCustomer;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(checked) = check(bytes) else { return };
    let lines = 1 + bytes.iter().filter(|byte| matches!(byte, b'\n' | b'\r')).count();
    assert!(checked.good.len() < lines);
    for it in &checked.bad {
        assert!((1..=lines as u64).contains(&it.bad.line), "{it} of {lines}");
        assert!(it.found.chars().count() <= 81 && !it.found.contains(char::is_control));
    }
    let keys: HashSet<String> = checked.good.iter().map(|it| it.email.key()).collect();
    assert_eq!(keys.len(), checked.good.len(), "an address counts once");
    let mut table = "email,name,phone,company,notes\n".to_owned();
    for customer in &checked.good {
        let cells = cells(customer).map(|cell| format!("\"{}\"", cell.replace('"', "\"\"")));
        table.push_str(&(cells.join(",") + "\n"));
    }
    let again = check(table.as_bytes()).expect("a table");
    assert!(again.bad.is_empty(), "{:?}", again.bad);
    assert!(again.good.iter().map(cells).eq(checked.good.iter().map(cells)));
});

fn cells(customer: &NewCustomer) -> [&str; 5] {
    let NewCustomer { email, name, phone, company, notes } = customer;
    [email.as_str(), name, phone, company, notes]
}

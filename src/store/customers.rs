//! Rows of customers.

use crate::db::{DbError, FromRow, Row, Tx, Value};
use crate::domain::customers::Customer;
use crate::domain::email::Email;
use crate::params;

const COLUMNS: &str = "id, email, name, phone, company, notes, active, created_at, erased_at";

impl FromRow for Customer {
    fn from_row(row: &Row<'_>) -> Result<Self, DbError> {
        Ok(Self {
            id: row.get(0)?,
            email: Email::from_store(row.get(1)?),
            name: row.get(2)?,
            phone: row.get(3)?,
            company: row.get(4)?,
            notes: row.get(5)?,
            active: row.get(6)?,
            created_at: row.get(7)?,
            erased_at: row.get(8)?,
        })
    }
}

/// Adds a row. `false` if the address has one already.
pub fn insert(tx: &mut Tx<'_>, customer: &Customer) -> Result<bool, DbError> {
    let added = tx.run(
        "INSERT INTO customers (id, email, email_key, name, phone, company, notes, active, created_at, search, name_key) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (email_key) DO NOTHING",
        params![
            customer.id,
            customer.email.as_str(),
            &customer.email.key(),
            &customer.name,
            &customer.phone,
            &customer.company,
            &customer.notes,
            customer.active,
            customer.created_at,
            &customer.search_text(),
            &customer.name_key()
        ],
    )?;
    Ok(added == 1)
}

/// Writes everything that can change.
pub fn update(tx: &mut Tx<'_>, customer: &Customer) -> Result<(), DbError> {
    tx.run(
        "UPDATE customers SET name = $2, phone = $3, company = $4, notes = $5, active = $6, search = $7, \
           name_key = $8 \
         WHERE id = $1",
        params![
            customer.id,
            &customer.name,
            &customer.phone,
            &customer.company,
            &customer.notes,
            customer.active,
            &customer.search_text(),
            &customer.name_key()
        ],
    )?;
    Ok(())
}

/// One by id.
pub fn find(tx: &mut Tx<'_>, id: i64) -> Result<Option<Customer>, DbError> {
    tx.row(&format!("SELECT {COLUMNS} FROM customers WHERE id = $1"), params![id])
}

/// One by id, kept from changing by others until this transaction ends.
pub fn take(tx: &mut Tx<'_>, id: i64) -> Result<Option<Customer>, DbError> {
    let lock = tx.dialect().for_update();
    tx.row(&format!("SELECT {COLUMNS} FROM customers WHERE id = $1{lock}"), params![id])
}

/// One by address.
pub fn find_by_email(tx: &mut Tx<'_>, email: &Email) -> Result<Option<Customer>, DbError> {
    tx.row(&format!("SELECT {COLUMNS} FROM customers WHERE email_key = $1"), params![&email.key()])
}

/// Those whose address or whose folded name is exactly this, `limit` at most.
pub fn called(
    tx: &mut Tx<'_>,
    email_key: &str,
    name_key: &str,
    limit: i64,
) -> Result<Vec<i64>, DbError> {
    tx.rows(
        "SELECT id FROM customers WHERE email_key = $1 UNION \
         SELECT id FROM (SELECT id FROM customers WHERE name_key = $2 AND name_key <> '' \
           ORDER BY name_key, id LIMIT $3) AS named ORDER BY 1 LIMIT $3",
        params![email_key, name_key, limit],
    )
}

/// Some of them, those added first, after the row `after`.
pub fn after(tx: &mut Tx<'_>, after: i64, limit: i64) -> Result<Vec<Customer>, DbError> {
    tx.rows(
        &format!("SELECT {COLUMNS} FROM customers WHERE id > $1 ORDER BY id LIMIT $2"),
        params![after, limit],
    )
}

/// The newest first, before `before`; those that hold every one of the folded `words`.
pub fn list(
    tx: &mut Tx<'_>,
    words: &[String],
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<Customer>, DbError> {
    let patterns: Vec<String> = words.iter().map(|word| super::containing(word)).collect();
    let mut values: Vec<Value<'_>> = vec![before.unwrap_or(i64::MAX).into(), limit.into()];
    let mut sql = format!("SELECT {COLUMNS} FROM customers WHERE id < $1");
    for pattern in &patterns {
        values.push(pattern.into());
        sql.push_str(&format!(" AND search LIKE ${} ESCAPE '\\'", values.len()));
    }
    sql.push_str(" ORDER BY id DESC LIMIT $2");
    tx.rows(&sql, &values)
}

/// The oldest of the `count` newest customers before `before`, of those who are active or not if that
/// is asked for, and how many they are.
pub fn window(
    tx: &mut Tx<'_>,
    active: Option<bool>,
    before: i64,
    count: i64,
) -> Result<(Option<i64>, i64), DbError> {
    let mut values: Vec<Value<'_>> = vec![before.into(), count.into()];
    let only = only(active, &mut values);
    tx.one(
        &format!(
            "SELECT min(id), count(*) FROM (SELECT id FROM customers WHERE id < $1{only} \
             ORDER BY id DESC LIMIT $2) AS newest"
        ),
        &values,
    )
}

/// Customers from `from` on and before `before`, the newest first, who hold every one of the folded
/// `words`; active or not if that is asked for.
pub fn between(
    tx: &mut Tx<'_>,
    words: &[String],
    active: Option<bool>,
    (from, before): (i64, i64),
    limit: i64,
) -> Result<Vec<Customer>, DbError> {
    let patterns: Vec<String> = words.iter().map(|word| super::containing(word)).collect();
    let mut values: Vec<Value<'_>> = vec![from.into(), before.into(), limit.into()];
    let only = only(active, &mut values);
    let mut sql = format!("SELECT {COLUMNS} FROM customers WHERE id >= $1 AND id < $2{only}");
    for pattern in &patterns {
        values.push(pattern.into());
        sql.push_str(&format!(" AND search LIKE ${} ESCAPE '\\'", values.len()));
    }
    sql.push_str(" ORDER BY id DESC LIMIT $3");
    tx.rows(&sql, &values)
}

fn only(active: Option<bool>, values: &mut Vec<Value<'_>>) -> String {
    let Some(active) = active else { return String::new() };
    values.push(active.into());
    format!(" AND active = ${}", values.len())
}

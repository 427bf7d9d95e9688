//! Reading the columns of a row by name.

use mysql_async::{Row, Value};

/// The text of the first of these columns that the row has; `None` for NULL or no such column.
/// Bytes that are no UTF-8 are replaced.
pub fn text(row: &Row, names: &[&str]) -> Option<String> {
    let at = row.columns_ref().iter().position(|column| {
        let name = column.name_ref();
        names
            .iter()
            .any(|wanted| wanted.as_bytes().eq_ignore_ascii_case(name))
    })?;
    value_text(row.as_ref(at)?)
}

/// The text of a column by its place.
pub fn nth(row: &Row, at: usize) -> Option<String> {
    value_text(row.as_ref(at)?)
}

/// A number by name.
pub fn number<T: std::str::FromStr>(row: &Row, names: &[&str]) -> Option<T> {
    text(row, names)?.trim().parse().ok()
}

/// A switch by name: 1, ON, YES and their like.
pub fn on(row: &Row, names: &[&str]) -> bool {
    text(row, names).is_some_and(|value| is_on(&value))
}

/// True for 1, ON and YES.
pub fn is_on(value: &str) -> bool {
    ["1", "on", "yes"]
        .iter()
        .any(|word| value.eq_ignore_ascii_case(word))
}

fn value_text(value: &Value) -> Option<String> {
    match value {
        Value::NULL => None,
        Value::Bytes(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        Value::Int(number) => Some(number.to_string()),
        Value::UInt(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Double(number) => Some(number.to_string()),
        Value::Date(..) | Value::Time(..) => Some(value.as_sql(true)),
    }
}

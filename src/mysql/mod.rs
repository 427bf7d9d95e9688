//! The driver of one MySQL or MariaDB server: sessions with deadlines, the words of each family,
//! what its answers mean. It decides nothing.

pub mod accounts;
pub mod cells;
pub mod dialect;
pub mod error;
pub mod look;
pub mod quote;
pub mod schema;
pub mod secrets;
pub mod session;
pub mod sessions;
pub mod statements;
pub mod status;
pub mod target;

pub use self::dialect::Dialect;
pub use self::error::{SqlError, SqlSource};
pub use self::session::Session;
pub use self::target::{Account, ServerTarget};
pub use mysql_async::Row;
